using Microsoft.AspNetCore.Http;

namespace HostService.Gateway;

internal static class ShutdownAfterAnswer
{
    /// <summary>Requests the shutdown once the answer has been sent (B32): the shutdown closes the server.</summary>
    public static void RequestAfterAnswer(this IShutdownSignal shutdown, HttpContext context, string reason, bool force) =>
        context.Response.OnCompleted(() =>
        {
            shutdown.Request(reason, force);
            return Task.CompletedTask;
        });
}
