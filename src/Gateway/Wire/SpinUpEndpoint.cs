using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

internal static class SpinUpEndpoint
{
    public static void MapSpinUp(this IEndpointRouteBuilder routes) =>
        routes.MapWire<SpinUpBody, SpinUpAnswer>("PUT", "/spin_up_mandelbox", "Brings a mandelbox up for a user.", SpinUpAsync);

    private static async Task<WireResult> SpinUpAsync(
        WireRequest<SpinUpBody> request, GrainCalls grains, RunningEnvironment environment, CancellationToken aborted)
    {
        var body = request.Body;
        var fault = FieldRules.First(
            FieldRules.MandelboxId(body.MandelboxId),
            FieldRules.AppName(body.AppName, environment.Value),
            FieldRules.ConfigEncryptionToken(body.ConfigEncryptionToken),
            FieldRules.SessionId(body.SessionId, environment.Value),
            FieldRules.OptionalDpi(body.Dpi));
        if (fault is not null)
        {
            return WireResult.Refused(fault);
        }

        var spinUp = new SpinUpRequest(
            request.CallerId, body.AppName!, body.ConfigEncryptionToken!, body.SessionId ?? 0, (int?)body.Dpi);
        var mandelbox = grains.Mandelbox(body.MandelboxId!);
        await using var registration = aborted.Register(() => mandelbox.CallerLeft().Ignore());
        var answer = await grains.WithMandelboxTimeout(mandelbox.SpinUp(spinUp));
        return answer.Access is { } access
            ? WireResult.Result(new SpinUpResult(access.Port32262, access.Port32263, access.Port32273, access.AesKey))
            : WireResult.Refused(answer.Failure?.Reason ?? "the mandelbox did not come up");
    }
}
