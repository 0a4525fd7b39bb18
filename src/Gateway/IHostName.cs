using Microsoft.Extensions.Options;

namespace HostService.Gateway;

/// <summary>
/// The instance's name, which is the key of the host's grain. Read at each request, so that it may become known after start; register another one
/// before <c>AddGateway</c> where the name comes from elsewhere than <see cref="GatewayOptions.InstanceName"/>.
/// </summary>
public interface IHostName
{
    string InstanceName { get; }

    /// <summary>Addresses by which callers reach this host although no interface of the machine shows them (EC2's public one); the self-signed certificate names them.</summary>
    IReadOnlyList<string> Addresses => [];
}

internal sealed class ConfiguredHostName(IOptions<GatewayOptions> options) : IHostName
{
    public string InstanceName { get; } = options.Value.InstanceName is { Length: > 0 } name ? name : Environment.MachineName;
}
