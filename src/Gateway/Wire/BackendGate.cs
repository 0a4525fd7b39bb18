using HostService.Gateway.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace HostService.Gateway.Wire;

/// <summary>What every call of the backend's passes first.</summary>
internal sealed class BackendGate(Authenticator authenticator, IOptions<EcsOptions> ecs)
{
    private const string EcsIsOff = "this host does not run containers of the ECS agent (Ecs:Enabled is false)";

    /// <summary>Null for the backend; otherwise the answer.</summary>
    public async ValueTask<WireResult?> RefuseAsync(BackendBody body, HttpContext context)
    {
        var caller = await authenticator.BackendCallAsync(context.Connection, body.AuthSecret, context.RequestAborted);
        return caller.Id is null ? WireResult.Unauthorized(caller.RetryAfter) : null;
    }

    /// <summary>As <see cref="RefuseAsync"/>, for what only a host of the ECS agent's can do.</summary>
    public async ValueTask<WireResult?> RefuseEcsAsync(BackendBody body, HttpContext context) =>
        await RefuseAsync(body, context) ?? (ecs.Value.Enabled ? null : WireResult.Refused(EcsIsOff));
}
