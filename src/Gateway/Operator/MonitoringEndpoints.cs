using HostService.Gateway.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Gateway.Operator;

/// <summary><c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c>, for probes and for Prometheus.</summary>
internal static partial class MonitoringEndpoints
{
    private sealed record Liveness(string Status);

    public static void MapMonitoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Monitoring").RequireMonitor();

        // Local and cheap: it says that this process answers, and nothing about what lies behind it.
        group.MapGet("/healthz", () => Results.Ok(new Liveness("alive")))
            .WithName("healthz").WithSummary("Whether the service is alive.")
            .Produces<Liveness>().ProducesProblem(StatusCodes.Status401Unauthorized);

        group.MapGet("/readyz", ReadyAsync)
            .WithName("readyz").WithSummary("Whether work can be taken: registered, engine reachable, not draining.")
            .Produces<Liveness>().ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status503ServiceUnavailable);

        group.MapGet("/metrics", MetricsAsync)
            .WithName("metrics").WithSummary("Figures in Prometheus' text format.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").ProducesProblem(StatusCodes.Status401Unauthorized);
    }

    private static async Task<IResult> ReadyAsync(GrainCalls grains, HttpContext context)
    {
        try
        {
            var reasons = Readiness.Reasons(await grains.WithProbeTimeout(grains.Host.Describe()));
            return reasons.Count == 0 ? Results.Ok(new Liveness("ready")) : Problems.NotReady(reasons);
        }
        catch (Exception exception)
        {
            // Not ready is the answer, whatever keeps the host from telling.
            Unanswered(Logger(context), exception, "/readyz");
            return Problems.NotReady(["The host's grain does not answer."]);
        }
    }

    private static async Task<IResult> MetricsAsync(GrainCalls grains, MeterReadings meters, HttpContext context)
    {
        var text = new PrometheusText();
        try
        {
            var host = grains.WithProbeTimeout(grains.Host.Describe());
            var mandelboxes = grains.WithProbeTimeout(grains.Host.ListMandelboxes());
            await Task.WhenAll(host, mandelboxes);
            HostMetrics.Write(text, await host, await mandelboxes);
        }
        catch (Exception exception)
        {
            // The figures at hand are worth having when the host's own are not.
            Unanswered(Logger(context), exception, "/metrics");
            HostMetrics.WriteUnanswered(text);
        }

        meters.Write(text);
        return Results.Text(text.ToString(), PrometheusText.ContentType);
    }

    private static ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Monitoring");

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path}: the host's grain does not answer")]
    private static partial void Unanswered(ILogger logger, Exception exception, string path);
}
