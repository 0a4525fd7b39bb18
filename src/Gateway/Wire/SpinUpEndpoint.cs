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
        if (FaultOf(body, environment.Value) is { } fault)
        {
            return WireResult.Refused(fault);
        }

        var mandelbox = grains.Mandelbox(body.MandelboxId!);
        await using var registration = aborted.Register(() => mandelbox.CallerLeft().Ignore());
        var answer = await grains.WithMandelboxTimeout(mandelbox.SpinUp(RequestOf(body, request.CallerId)));
        return answer.Access is { } access
            ? WireResult.Result(ResultOf(access))
            : WireResult.Refused(answer.Failure?.Reason ?? "the mandelbox did not come up");
    }

    /// <summary>Why the body is refused; null when it is not.</summary>
    public static string? FaultOf(SpinUpBody body, HostEnvironment environment) => FieldRules.First(
        FieldRules.MandelboxId(body.MandelboxId),
        FieldRules.AppName(body.AppName, environment),
        FieldRules.ConfigEncryptionToken(body.ConfigEncryptionToken),
        FieldRules.SessionId(body.SessionId, environment),
        FieldRules.OptionalDpi(body.Dpi));

    /// <param name="body">One without a fault.</param>
    public static SpinUpRequest RequestOf(SpinUpBody body, string userId) =>
        new(userId, body.AppName!, body.ConfigEncryptionToken!, body.SessionId ?? 0, (int?)body.Dpi);

    public static SpinUpResult ResultOf(MandelboxAccess access) =>
        new(access.Port32262, access.Port32263, access.Port32273, access.AesKey);
}
