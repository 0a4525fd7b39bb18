using HostService.Gateway.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Limits;

/// <summary>Answers 503 before looking at a request whose address, or all together, have too many under way.</summary>
internal sealed class RequestLimit(GatewayQuotas quotas) : IStartupFilter
{
    /// <summary>When a caller that was refused may try again.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(LimitAsync);
        next(app);
    };

    private async Task LimitAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            using var lease = quotas.Requests.TryTake(context.Connection.RemoteIpAddress, context.Connection.LocalIpAddress, 1);
            await (lease is null ? WireResult.Busy.ExecuteAsync(context) : next(context));
        }
        finally
        {
            // HTTP/2 streams whose body was not read linger for seconds, up to 100 a connection, and each would keep its header fields.
            context.Request.Headers.Clear();
        }
    }
}
