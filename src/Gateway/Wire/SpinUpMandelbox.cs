using HostService.Gateway.Authentication;
using HostService.GrainInterfaces;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary><c>PUT /spin_up_mandelbox</c>, by a user.</summary>
internal sealed class SpinUpMandelbox(Authenticator authenticator, GrainCalls grains) : IWireHandler<SpinUpBody>
{
    public async Task<WireResult> HandleAsync(SpinUpBody body, HttpContext context)
    {
        var caller = await authenticator.UserAsync(context.Connection.RemoteIpAddress, body.JwtAccessToken, context.RequestAborted);
        if (caller.Id is not { } user)
            return WireResult.Unauthorized(caller.RetryAfter);
        var bad = FieldRules.First(
            FieldRules.MandelboxId(body.MandelboxId),
            FieldRules.AppName(body.AppName),
            FieldRules.ConfigEncryptionToken(body.ConfigEncryptionToken),
            FieldRules.SessionId(body.SessionId),
            FieldRules.OptionalDpi(body.Dpi));
        if (bad is not null)
            return WireResult.Refused(bad);

        var request = new SpinUpRequest(user, body.AppName!, body.ConfigEncryptionToken!, body.SessionId!.Value, (int?)body.Dpi);
        var answer = await grains.WithinMandelbox(grains.Mandelbox(body.MandelboxId!).SpinUp(request));
        return answer.Access is { } access
            ? WireResult.Result(new SpinUpResult(access.Port32262, access.Port32263, access.Port32273, access.AesKey))
            : WireResult.Refused(answer.Failure?.Reason ?? "the mandelbox did not come up");
    }
}
