using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace HostService.Gateway.Operator;

/// <summary>When an answer that goes on and on is over.</summary>
internal static class StreamEnd
{
    /// <summary>
    /// Cancelled when the caller leaves, when the server asks its connections to end, which would otherwise wait for this answer, and by
    /// <paramref name="other"/>. The request does not count in the durations of requests: it would be the slowest one.
    /// </summary>
    public static CancellationTokenSource Of(HttpContext context, CancellationToken other = default)
    {
        if (context.Features.Get<IHttpMetricsTagsFeature>() is { } metrics)
        {
            metrics.MetricsDisabled = true;
        }

        return CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted,
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None,
            context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping,
            other);
    }
}
