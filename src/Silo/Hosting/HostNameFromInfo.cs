using HostService.Gateway;
using HostService.Grains;
using HostService.Infrastructure.Linux;

namespace HostService.Silo.Hosting;

/// <summary>The instance name that start-up has found; it is the key of the host's grain.</summary>
internal sealed class HostNameFromInfo(HostInfoSource facts) : IHostName
{
    public string InstanceName => facts.Current.Identity.InstanceName;

    public IReadOnlyList<string> Addresses =>
        [facts.Current.Identity.PublicIpv4, .. MachineAddresses.Read().Select(a => a.ToString())];
}
