using HostService.Grains;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Systemd;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace HostService.Silo.Lifecycle;

/// <summary>The line on standard output that tells that the host is ready; <c>READY=1</c> to systemd.</summary>
public sealed class ReadyLine(HostInfoSource info, IGrainFactory grains, IServer server, ISystemd systemd)
{
    public async Task WriteAsync()
    {
        var known = info.Current;
        var host = await grains.GetGrain<IHostGrain>(HostKeys.Host(known.Identity.InstanceName)).Describe();
        var port = PortOf(server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Console.WriteLine($"host-service ready on https://{known.Identity.PublicIpv4}:{port} ({known.Environment.Name}, {host.Slots.Capacity} slots)");
        systemd.Ready();
    }

    /// <summary>Of an address as the server writes it: <c>https://[::]:4678</c>.</summary>
    public static int PortOf(string address) =>
        new Uri(address.Replace("[::]", "localhost", StringComparison.Ordinal).Replace("0.0.0.0", "localhost", StringComparison.Ordinal)).Port;
}
