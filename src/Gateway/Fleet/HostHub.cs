using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.SignalR;

namespace HostService.Gateway.Fleet;

/// <summary>
/// Where the hosts' relays connect. A connection speaks for the host that <see cref="HostAccess"/> has let in, and for no other; a
/// host can do nothing else in the fleet.
/// </summary>
internal sealed partial class HostHub(IGrainFactory grains, IHubContext<HostHub> hub, ILogger<HostHub> logger) : Hub
{
    private const string Link = "link";

    public override async Task OnConnectedAsync()
    {
        var host = HostAccess.HostOf(Context.GetHttpContext()!);

        // Orleans refers to it weakly: the connection keeps it.
        var connection = new RelayConnection(host, hub.Clients.Client(Context.ConnectionId));
        var link = new HostLink(host, connection, grains.CreateObjectReference<IHostConnection>(connection));
        Context.Items[Link] = link;
        try
        {
            await grains.GetGrain<IFleetHostGrain>(host).Connected(link.Reference);
        }
        catch
        {
            // SignalR closes the connection then, without calling OnDisconnectedAsync.
            grains.DeleteObjectReference<IHostConnection>(link.Reference);
            throw;
        }
    }

    public override async Task OnDisconnectedAsync(Exception? exception)
    {
        if (Context.Items[Link] is HostLink link)
        {
            LogDisconnected(link.Host, exception?.Message ?? "it was closed");
            try
            {
                await grains.GetGrain<IFleetHostGrain>(link.Host).Disconnected(link.Reference);
            }
            finally
            {
                grains.DeleteObjectReference<IHostConnection>(link.Reference);
            }
        }
    }

    /// <summary>The host says what it has. A report of another host is refused.</summary>
    public Task Report(HostReport? report)
    {
        var link = (HostLink)Context.Items[Link]!;
        return report?.Fault() is { } fault ? throw new HubException($"This is no report: {fault}.")
            : report?.Host != link.Host ? throw new HubException($"This connection is that of host {link.Host}.")
            : grains.GetGrain<IFleetHostGrain>(link.Host).Report(link.Reference, report);
    }

    [LoggerMessage(LogLevel.Warning, "The connection of host {Host} has ended: {Reason}")]
    private partial void LogDisconnected(string host, string reason);

    private sealed record HostLink(string Host, RelayConnection Connection, IHostConnection Reference);
}
