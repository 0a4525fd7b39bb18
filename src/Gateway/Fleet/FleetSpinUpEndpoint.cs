using System.Diagnostics;
using HostService.Gateway.Wire;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Fleet;

internal static class FleetSpinUpEndpoint
{
    public const string Path = "/v1/fleet/mandelboxes";

    public static void MapFleetSpinUp(this IEndpointRouteBuilder routes) => routes.MapWire<FleetSpinUpBody, FleetSpinUpResult>(
        "POST", Path, "Brings a mandelbox up for a user, on a host that suits. Repeated, it goes to the same host.", SpinUpAsync);

    private static async Task<WireResult> SpinUpAsync(
        WireRequest<FleetSpinUpBody> request,
        GrainCalls grains,
        RunningEnvironment environment,
        FleetMetrics metrics,
        IServiceProvider services)
    {
        var body = request.Body;
        var fault = SpinUpEndpoint.FaultOf(body, environment.Value) ?? FieldRules.First(
            FieldRules.OptionalText(body.Region, "region"),
            FieldRules.OptionalText(body.Gpu, "gpu"),
            body.Host is null or "" || Names.IsHostName(body.Host) ? null : "host must be the name of a host",
            body.Order is null or "" or "spread" or "pack" ? null : "order must be spread or pack");
        if (fault is not null)
        {
            return WireResult.Refused(fault);
        }

        var wishes = new PlacementWishes(
            NullIfEmpty(body.Region),
            NullIfEmpty(body.Gpu),
            NullIfEmpty(body.Host),
            body.Order switch { "spread" => PlacementOrder.Spread, "pack" => PlacementOrder.Pack, _ => null });
        var mandelbox = grains.FleetMandelbox(body.MandelboxId!);
        var began = Stopwatch.GetTimestamp();
        FleetSpinUpAnswer answer;
        try
        {
            answer = await grains.WithMandelboxTimeout(mandelbox.SpinUp(SpinUpEndpoint.RequestOf(body, request.CallerId), wishes));
        }
        catch (Exception exception)
        {
            // A control silo has died, or the database is away. Repeating is safe: the place is kept.
            FleetLog.Outage(services, $"the placement of mandelbox {body.MandelboxId}", exception);
            Count("later");
            return WireResult.TryAgain("a part of the fleet did not answer; repeat the request");
        }

        var (counted, result) = answer switch
        {
            { Answer.Access: { } access, Host: { } host } => (
                "placed", WireResult.Answer(new FleetSpinUpResult(SpinUpEndpoint.ResultOf(access), host, answer.Address ?? ""))),
            { IsTemporary: true } => ("later", WireResult.TryAgain(ReasonOf(answer))),
            _ => ("refused", WireResult.Refused(ReasonOf(answer))),
        };
        Count(counted);
        return result;

        void Count(string how) => metrics.Placed(how, Stopwatch.GetElapsedTime(began));
    }

    private static string ReasonOf(FleetSpinUpAnswer answer) => answer.Answer.Failure?.Reason ?? "the mandelbox did not come up";

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
