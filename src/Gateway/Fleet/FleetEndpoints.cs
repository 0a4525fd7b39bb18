using HostService.Gateway.Operator;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Fleet;

/// <summary><c>/v1/fleet</c>: the hosts of the fleet and what they have, for operators.</summary>
internal static class FleetEndpoints
{
    public static void MapFleetOperator(this IEndpointRouteBuilder routes)
    {
        var fleet = routes.MapGroup("/v1/fleet").WithTags("Fleet")
            .RequireOperator().AddEndpointFilter(OperatorEndpoints.AnswerFailuresAsync).AddEndpointFilter(AnswerOutagesAsync);

        fleet.MapGet("/hosts", async (GrainCalls grains) => Results.Ok(await grains.WithTimeout(grains.Fleet.ListHosts())))
            .WithName("fleet-hosts").WithSummary("All hosts that have reported, by name.")
            .Produces<IReadOnlyList<FleetHost>>().DocumentProblems();

        fleet.MapPost("/hosts/{host}/drain", async (string host, GrainCalls grains) =>
            {
                if (await FindAsync(host, grains) is null)
                {
                    return NoHost();
                }

                await grains.WithTimeout(grains.FleetHost(host).Drain("an operator of the fleet asked for it"));
                return Results.Accepted();
            })
            .WithName("fleet-drain").WithSummary("Drains a host: it takes no new mandelboxes, and ends when its users have left.")
            .Produces(StatusCodes.Status202Accepted).DocumentProblems(StatusCodes.Status404NotFound);

        fleet.MapDelete("/hosts/{host}/drain", async (string host, GrainCalls grains) =>
            {
                if (await FindAsync(host, grains) is null)
                {
                    return NoHost();
                }

                return await grains.WithTimeout(grains.FleetHost(host).CancelDrain()) is { } reason
                    ? Results.Problem($"{reason}.", statusCode: StatusCodes.Status409Conflict)
                    : Results.NoContent();
            })
            .WithName("fleet-cancel-drain").WithSummary("Ends a drain that is only waiting for users; the host takes spin-ups again.")
            .Produces(StatusCodes.Status204NoContent)
            .DocumentProblems(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);

        fleet.MapDelete("/hosts/{host}", async (string host, GrainCalls grains) =>
            {
                if (await FindAsync(host, grains) is not { } known)
                {
                    return NoHost();
                }

                // First, because it can be repeated: after the other one the host is not known any more.
                await grains.WithTimeout(grains.Rollout.Forget(host));
                if (await grains.WithTimeout(grains.Fleet.Forget(host)) is { } reason)
                {
                    return Results.Problem($"{reason}.", statusCode: StatusCodes.Status409Conflict);
                }

                await Task.WhenAll(known.Report.Mandelboxes.Select(
                    mandelbox => grains.WithTimeout(grains.FleetMandelbox(mandelbox.MandelboxId).Gone(host))));
                return Results.NoContent();
            })
            .WithName("fleet-forget")
            .WithSummary(
                "Removes a host that is away and never comes back, with the places of its mandelboxes: they may be placed elsewhere.")
            .Produces(StatusCodes.Status204NoContent)
            .DocumentProblems(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);

        fleet.MapGet("/mandelboxes", async (GrainCalls grains) =>
                Results.Ok(MandelboxesOf(await grains.WithTimeout(grains.Fleet.ListHosts()))))
            .WithName("fleet-mandelboxes").WithSummary("The mandelboxes that the hosts have reported, the oldest first.")
            .Produces<IReadOnlyList<FleetMandelbox>>().DocumentProblems();

        fleet.MapGet("/mandelboxes/{id}", async (string id, GrainCalls grains) =>
            {
                if (!MandelboxIds.IsOurs(id))
                {
                    return Problems.BadId(id);
                }

                if (await grains.WithTimeout(grains.FleetMandelbox(id).FindHost()) is not { } host)
                {
                    return NoMandelbox();
                }

                var known = await FindAsync(host, grains);
                var reported = known?.Report.Mandelboxes.FirstOrDefault(m => m.MandelboxId == id);
                return Results.Ok(new FleetMandelbox(
                    id, host, reported?.State, reported?.AppName, reported?.CreatedAt, known?.State));
            })
            .WithName("fleet-mandelbox").WithSummary("On which host a mandelbox is.")
            .Produces<FleetMandelbox>().DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        fleet.MapGet("/mandelboxes/{id}/timeline", async (string id, GrainCalls grains) =>
            {
                if (!MandelboxIds.IsOurs(id))
                {
                    return Problems.BadId(id);
                }

                return await ExplainAsync(id, grains) is { } found ? Results.Ok(found) : NoMandelbox();
            })
            .WithName("fleet-timeline")
            .WithSummary("A mandelbox, or the last one of this id that has gone, as its host knows it: with its steps and its events.")
            .Produces<FleetMandelboxDiagnostics>().DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        fleet.MapDelete("/mandelboxes/{id}", async (string id, GrainCalls grains) =>
            {
                if (!MandelboxIds.IsOurs(id))
                {
                    return Problems.BadId(id);
                }

                return await grains.WithMandelboxTimeout(grains.FleetMandelbox(id).Stop("an operator of the fleet asked for it"))
                    ? Results.NoContent()
                    : NoMandelbox();
            })
            .WithName("fleet-stop").WithSummary("Ends a mandelbox on its host; answers once everything it held has been given back.")
            .Produces(StatusCodes.Status204NoContent).DocumentProblems(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);

        fleet.MapFleetRollout();
        fleet.MapOtherMethods("/hosts", "GET, HEAD");
        fleet.MapOtherMethods("/hosts/{host}", "DELETE");
        fleet.MapOtherMethods("/hosts/{host}/drain", "POST, DELETE");
        fleet.MapOtherMethods("/mandelboxes/{id}", "GET, HEAD, DELETE");
        fleet.MapOtherMethods("/mandelboxes/{id}/timeline", "GET, HEAD");
        fleet.Map("/{**rest}", Problems.NoSuchPath).ExcludeFromDescription().WithOrder(int.MaxValue);
    }

    /// <summary>A control silo has died, or the database is away.</summary>
    private static async ValueTask<object?> AnswerOutagesAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (Exception exception) when (exception is not (HostAwayException or TimeoutException or OperationCanceledException))
        {
            FleetLog.Outage(context.HttpContext.RequestServices, context.HttpContext.Request.Path, exception);
            return Results.Problem(
                "A part of the fleet did not answer; repeat the request.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    /// <summary>By the host that has it; the place of one that has gone is not kept, so all hosts are asked.</summary>
    private static async Task<FleetMandelboxDiagnostics?> ExplainAsync(string id, GrainCalls grains)
    {
        if (await grains.WithTimeout(grains.FleetMandelbox(id).FindHost()) is { } host)
        {
            return await AskAsync(host);
        }

        var hosts = (await grains.WithTimeout(grains.Fleet.ListHosts())).Where(known => known.Away is null);
        var answers = await Task.WhenAll(hosts.Select(known => AskIfThereAsync(known.Report.Host)));
        return answers.OfType<FleetMandelboxDiagnostics>().MaxBy(answer => answer.Diagnostics.Mandelbox.Since);

        async Task<FleetMandelboxDiagnostics?> AskAsync(string name) =>
            await grains.WithTimeout(grains.FleetHost(name).Explain(id)) is { } found ? new FleetMandelboxDiagnostics(name, found) : null;

        async Task<FleetMandelboxDiagnostics?> AskIfThereAsync(string name)
        {
            try
            {
                return await AskAsync(name);
            }
            catch (HostAwayException)
            {
                return null;
            }
        }
    }

    private static List<FleetMandelbox> MandelboxesOf(IReadOnlyList<FleetHost> hosts) =>
    [
        .. hosts
            .SelectMany(host => host.Report.Mandelboxes.Select(m => new FleetMandelbox(
                m.MandelboxId, host.Report.Host, m.State, m.AppName, m.CreatedAt, host.State)))
            .OrderBy(m => m.CreatedAt).ThenBy(m => m.MandelboxId, StringComparer.Ordinal),
    ];

    private static async Task<FleetHost?> FindAsync(string host, GrainCalls grains) =>
        (await grains.WithTimeout(grains.Fleet.ListHosts())).FirstOrDefault(known => known.Report.Host == host);

    private static IResult NoHost() => Results.Problem("There is no such host in this fleet.", statusCode: StatusCodes.Status404NotFound);

    private static IResult NoMandelbox() =>
        Results.Problem("There is no such mandelbox in this fleet.", statusCode: StatusCodes.Status404NotFound);
}
