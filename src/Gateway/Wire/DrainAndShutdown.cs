using HostService.GrainInterfaces;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Wire;

/// <summary><c>POST /drain_and_shutdown</c>: answers, then takes the one way out (B32).</summary>
internal sealed class DrainAndShutdown(BackendGate gate) : IWireHandler<BackendBody>
{
    public async Task<WireResult> HandleAsync(BackendBody body, HttpContext context)
    {
        if (await gate.RefuseAsync(body, context) is { } refused)
            return refused;
        if (context.RequestServices.GetService<IShutdownSignal>() is not { } shutdown)
            return WireResult.Refused("this gateway has no say over the host's end");
        context.Response.OnCompleted(() =>
        {
            shutdown.Request("drain_and_shutdown was called");
            return Task.CompletedTask;
        });
        return WireResult.Result("request successful");
    }
}
