using HostService.Gateway.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Operator;

/// <summary><c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c>, for probes and for Prometheus.</summary>
internal static partial class MonitoringEndpoints
{
    public static void MapMonitoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Monitoring").RequireMonitor();

        group.MapLiveness();

        group.MapGet("/readyz", ReadyAsync)
            .WithName("readyz").WithSummary("Whether work can be taken: registered, engine reachable, not draining.")
            .Produces<Liveness>().DocumentMonitoringProblems();

        group.MapMetrics()
            .WithName("metrics").WithSummary("Figures in Prometheus' text format.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").DocumentMonitoringProblems();
    }

    /// <summary>Local and cheap: says that this process answers, and nothing more.</summary>
    internal static void MapLiveness(this IEndpointRouteBuilder routes) => routes
        .MapGet("/healthz", () => Results.Ok(new Liveness("alive")))
        .WithName("healthz").WithSummary("Whether the service is alive.")
        .Produces<Liveness>().DocumentMonitoringProblems();

    internal static void DocumentMonitoringProblems(this RouteHandlerBuilder builder) => builder
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> ReadyAsync(GrainCalls grains, ILoggerFactory loggers)
    {
        try
        {
            var reasons = Readiness.Reasons(await grains.WithProbeTimeout(grains.Host.Describe()));
            return reasons.Count == 0 ? Results.Ok(new Liveness("ready")) : Problems.NotReady(reasons);
        }
        catch (Exception exception)
        {
            // A host that does not answer is not ready, whatever the cause.
            LogUnanswered(loggers.CreateLogger("HostService.Gateway.Monitoring"), exception);
            return Problems.NotReady(["The host's grain does not answer."]);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Not ready: the host's grain does not answer")]
    private static partial void LogUnanswered(ILogger logger, Exception exception);
}

/// <summary>The answer to a probe that succeeds.</summary>
internal sealed record Liveness(string Status);
