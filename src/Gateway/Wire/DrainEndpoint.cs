using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

/// <summary>The backend's call that ends the host.</summary>
internal static class DrainEndpoint
{
    public static void MapDrain(this IEndpointRouteBuilder routes) => routes.MapWire<BackendBody, string>(
        "POST", "/drain_and_shutdown", "Drains the host, cleans up and shuts down; answers at once.", Drain);

    private static WireResult Drain(WireRequest<BackendBody> request, HttpContext context, IShutdownSignal shutdown)
    {
        // After the answer is sent (B32): the shutdown closes the server.
        context.Response.OnCompleted(() =>
        {
            shutdown.Request("drain_and_shutdown was called");
            return Task.CompletedTask;
        });
        return WireResult.Result("request successful");
    }
}
