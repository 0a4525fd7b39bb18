using System.Net;
using HostService.Gateway.Authentication;

namespace HostService.Gateway.Limits;

/// <summary>Loopback and <see cref="GatewayOptions.TrustedNetworks"/>.</summary>
internal sealed class TrustedNetworks(IOptions<GatewayOptions> options)
{
    private readonly AddressList _list = new(options.Value.TrustedNetworks);

    public bool Contains(IPAddress? remote, IPAddress? local) => LoopbackConnection.IsLoopback(remote, local) || _list.Contains(remote);
}
