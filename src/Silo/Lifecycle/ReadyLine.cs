using HostService.Grains;
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
        var address = $"https://{known.Identity.PublicIpv4}:{port}";
        Console.WriteLine($"host-service ready on {address} ({known.Environment.Name}, {host.Slots.Capacity} slots)");
        systemd.Ready();
    }

    /// <summary>Of an address as the server writes it: <c>https://[::]:4678</c>.</summary>
    public static int PortOf(string address)
    {
        // Uri does not parse the IPv6 wildcard.
        var wildcard = address.Contains("[::]", StringComparison.Ordinal) ? "[::]" : "0.0.0.0";
        return new Uri(address.Replace(wildcard, "localhost", StringComparison.Ordinal)).Port;
    }
}
