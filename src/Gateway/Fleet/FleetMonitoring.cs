using HostService.Gateway.Metrics;
using HostService.Gateway.Operator;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Fleet;

/// <summary><c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c> of a fleet, as a host has them.</summary>
internal static partial class FleetMonitoring
{
    public static void MapFleetMonitoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Monitoring").RequireMonitor();
        group.MapLiveness();
        group.MapGet("/readyz", ReadyAsync)
            .WithName("readyz").WithSummary("Whether the fleet's grain answers.")
            .Produces<Liveness>().DocumentMonitoringProblems();
        group.MapMetrics()
            .WithName("metrics").WithSummary("Figures in Prometheus' text format.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain").DocumentMonitoringProblems();
    }

    private static async Task<IResult> ReadyAsync(GrainCalls grains, ILoggerFactory loggers)
    {
        try
        {
            await grains.WithProbeTimeout(grains.Fleet.ListHosts());
            return Results.Ok(new Liveness("ready"));
        }
        catch (Exception exception)
        {
            LogUnanswered(loggers.CreateLogger("HostService.Gateway.Monitoring"), exception);
            return Problems.NotReady(["The fleet's grain does not answer."]);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Not ready: the fleet's grain does not answer")]
    private static partial void LogUnanswered(ILogger logger, Exception exception);
}
