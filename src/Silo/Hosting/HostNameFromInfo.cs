using HostService.Gateway;
using HostService.Grains;

namespace HostService.Silo.Hosting;

/// <summary>The host's grain is found by the name that start-up has found.</summary>
internal sealed class HostNameFromInfo(HostInfoSource facts) : IHostName
{
    public string InstanceName => facts.Current.Identity.InstanceName;

    public IReadOnlyList<string> Addresses => [facts.Current.Identity.PublicIpv4];
}
