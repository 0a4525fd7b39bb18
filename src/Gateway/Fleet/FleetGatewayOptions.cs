using HostService.Gateway.Tls;

namespace HostService.Gateway.Fleet;

/// <summary>Section <c>FleetGateway</c>: whom the fleet takes for a host.</summary>
public sealed class FleetGatewayOptions : IValidatedOptions
{
    public const string Section = "FleetGateway";

    /// <summary>
    /// The certificates (PEM) of those who sign the hosts' certificates. Empty: only hosts on this machine may connect, over loopback, and
    /// they are believed the name that they give.
    /// </summary>
    public string HostCaPath { get; set; } = "";

    public IEnumerable<string> Validate() => HostCaPath.Length == 0 || CertificateAuthority.FaultOf(HostCaPath) is not { } fault
        ? []
        : [$"FleetGateway:HostCaPath: {fault}"];
}
