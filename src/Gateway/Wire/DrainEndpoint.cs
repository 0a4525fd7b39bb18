using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

/// <summary>The backend's call that ends the host.</summary>
internal static class DrainEndpoint
{
    public static void MapDrain(this IEndpointRouteBuilder routes) => routes.MapWire<DrainBody, TextAnswer>(
        "POST", "/drain_and_shutdown", "Drains the host, cleans up and shuts down; answers at once.", Drain);

    private static WireResult Drain(WireRequest<DrainBody> request, HttpContext context, IShutdownSignal shutdown)
    {
        var force = request.Body.Force == true;
        shutdown.RequestAfterAnswer(context, force ? "drain_and_shutdown was called with force" : "drain_and_shutdown was called", force);
        return WireResult.Result("request successful");
    }
}
