using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Operator;

/// <summary><c>/v1/mandelboxes/{id}/timeline</c> and <c>/logs</c>: what happened to one mandelbox, and what it has written.</summary>
internal static class DiagnosticsEndpoints
{
    public static RouteHandlerBuilder MapTimeline(this IEndpointRouteBuilder v1) => v1
        .MapGet("/mandelboxes/{id}/timeline", async (string id, GrainCalls grains) =>
        {
            if (!IsKnown(id))
            {
                return Problems.BadId(id);
            }

            if (await FindAsync(id, grains) is not { } found)
            {
                return Problems.NoMandelbox();
            }

            var events = await grains.WithTimeout(grains.Host.ListEvents(HostEvents.Kept, id));
            return Results.Ok(MandelboxDiagnostics.Of(found, events));
        })
        .WithName("timeline")
        .WithSummary("A mandelbox, or the last one of this id that has gone, with the steps of its spin-up and its end, and its events.")
        .Produces<MandelboxDiagnostics>();

    public static RouteHandlerBuilder MapLogs(this IEndpointRouteBuilder v1) => v1
        .MapGet("/mandelboxes/{id}/logs", async (string id, string? tail, string? follow, GrainCalls grains, HttpContext context) =>
        {
            if (!IsKnown(id))
            {
                return Problems.BadId(id);
            }

            if (!OperatorEndpoints.TryParse(tail, MandelboxLogs.UsualLines, MandelboxLogs.MostLines, out var lines))
            {
                return Problems.BadRequest($"tail must be a number of lines from 1 to {MandelboxLogs.MostLines}");
            }

            if (!OperatorEndpoints.TryParse(follow, out var follows))
            {
                return Problems.BadRequest("value of follow must be true or false");
            }

            if (await FindAsync(id, grains) is null)
            {
                return Problems.NoMandelbox();
            }

            return await LogText.BeginAsync(
                grains.Logs(id).Read(lines, follows && !HeadRequests.IsHead(context)), StreamEnd.Of(context));
        })
        .WithName("logs")
        .WithSummary(
            "The last lines that a mandelbox has written: its container's output, or what one that has gone has left in "
            + "its directory of logs. With follow=true it goes on with what a living one writes, until it ends.")
        .DescribeNumber("tail", MandelboxLogs.UsualLines, MandelboxLogs.MostLines, "How many lines; of one that has gone, of each file.")
        .DescribeSwitch("follow", "Whether to go on with what a living mandelbox writes.")
        .Produces<string>(StatusCodes.Status200OK, "text/plain");

    /// <summary>Whether there may be one in the history: also the host's own.</summary>
    internal static bool IsKnown(string id) => MandelboxIds.IsOurs(id) || id == MandelboxIds.WarmUp;

    /// <summary>One that lives, or else the last of this id that has gone.</summary>
    private static async Task<MandelboxTimeline?> FindAsync(string id, GrainCalls grains) =>
        await grains.WithTimeout(grains.Mandelbox(id).DescribeSteps()) ?? await grains.WithTimeout(grains.Host.FindEnded(id));
}
