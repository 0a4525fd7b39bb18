using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Wire;

/// <summary><c>POST /drain_and_shutdown</c>: answers, then takes the one way out (B32).</summary>
internal sealed class DrainAndShutdown(BackendGate gate) : IWireHandler<BackendBody>
{
    public async Task<WireAnswer> HandleAsync(BackendBody body, HttpContext context)
    {
        if (await gate.RefuseAsync(body, context) is { } refused)
            return refused;
        if (context.RequestServices.GetService<IShutdownTrigger>() is not { } shutdown)
            return WireAnswer.Refused("this gateway has no say over the host's end");
        context.Response.OnCompleted(() =>
        {
            shutdown.Request("drain_and_shutdown was called");
            return Task.CompletedTask;
        });
        return WireAnswer.Result("request successful");
    }
}
