using HostService.Gateway.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Operator;

/// <summary><c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c>, for probes and for Prometheus.</summary>
internal static partial class MonitoringEndpoints
{
    private sealed record Liveness(string Status);

    /// <param name="owner">Whose grain is asked: <c>host</c> or <c>fleet</c>.</param>
    /// <param name="readiness">What <c>/readyz</c> says, for the document.</param>
    /// <param name="reasons">Why no work can be taken; empty when it can.</param>
    public static void MapMonitoring(
        this IEndpointRouteBuilder routes, string owner, string readiness, Func<GrainCalls, Task<IReadOnlyList<string>>> reasons)
    {
        var group = routes.MapGroup("").WithTags("Monitoring").RequireMonitor();

        // Local and cheap: says that this process answers, and nothing more.
        group.MapGet("/healthz", () => Results.Ok(new Liveness("alive")))
            .WithName("healthz").WithSummary("Whether the service is alive.")
            .Produces<Liveness>().DocumentProblems();

        group.MapGet("/readyz", (GrainCalls grains, ILoggerFactory loggers) => ReadyAsync(owner, () => reasons(grains), loggers))
            .WithName("readyz").WithSummary(readiness)
            .Produces<Liveness>().DocumentProblems();

        group.MapMetrics()
            .WithName("metrics").WithSummary("Figures in Prometheus' text format.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").DocumentProblems();
    }

    private static void DocumentProblems(this RouteHandlerBuilder builder) => builder
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> ReadyAsync(string owner, Func<Task<IReadOnlyList<string>>> ask, ILoggerFactory loggers)
    {
        try
        {
            var reasons = await ask();
            return reasons.Count == 0 ? Results.Ok(new Liveness("ready")) : Problems.NotReady(reasons);
        }
        catch (Exception exception)
        {
            // Whoever does not answer is not ready, whatever the cause.
            LogUnanswered(loggers.CreateLogger("HostService.Gateway.Monitoring"), owner, exception);
            return Problems.NotReady([$"The {owner}'s grain does not answer."]);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Not ready: the {Owner}'s grain does not answer")]
    private static partial void LogUnanswered(ILogger logger, string owner, Exception exception);
}
