using System.Net;
using HostService.Gateway.Tls;

namespace HostService.Silo.Fleet;

/// <summary>Section <c>FleetSilo</c>: how the control silos of a fleet reach each other, where there are several.</summary>
public sealed class FleetSiloOptions : IValidatedOptions
{
    public const string Section = "FleetSilo";

    /// <summary>
    /// The address of this machine at which the other silos reach this one, on <c>Orleans:SiloPort</c>. Empty: 127.0.0.1, for silos of one
    /// machine.
    /// </summary>
    public string Address { get; set; } = "";

    /// <summary>This silo's certificate (PEM), good for TLS servers and clients; read again for each connection.</summary>
    public string CertificatePath { get; set; } = "";

    /// <summary>Its private key (PEM, not encrypted); empty when the key is in the certificate's file.</summary>
    public string CertificateKeyPath { get; set; } = "";

    /// <summary>
    /// The certificates (PEM) of those who sign the silos' certificates. Whoever has such a certificate commands the fleet: it must not be
    /// the authority of the hosts.
    /// </summary>
    public string CaPath { get; set; } = "";

    internal IPAddress IpAddress => Address.Length == 0 ? IPAddress.Loopback : IPAddress.Parse(Address);

    public IEnumerable<string> Validate()
    {
        var isAddress = Address.Length == 0 || IPAddress.TryParse(Address, out _);
        return
        [
            .. ValidatedOptions.Faults(
                (isAddress, $"FleetSilo:Address is '{Address}'; give an IP address of this machine."),
                (!isAddress || IPAddress.IsLoopback(IpAddress) || CertificatePath.Length > 0,
                    $"FleetSilo:Address is {Address}, which others can reach: set FleetSilo:CertificatePath and FleetSilo:CaPath."),
                (CertificatePath.Length > 0 == CaPath.Length > 0,
                    "Of FleetSilo:CertificatePath and FleetSilo:CaPath one is set; set both or neither."),
                (CertificateKeyPath.Length == 0 || CertificatePath.Length > 0,
                    "FleetSilo:CertificateKeyPath is set and FleetSilo:CertificatePath is not; set both or neither.")),
            .. CertificatePath.Length > 0 && CertificateAuthority.FaultOfOwn(CertificatePath, CertificateKeyPath) is { } fault
                ? [$"FleetSilo:CertificatePath: {fault}"] : Array.Empty<string>(),
            .. CaPath.Length > 0 && CertificateAuthority.FaultOf(CaPath) is { } unusable
                ? [$"FleetSilo:CaPath: {unusable}"] : Array.Empty<string>(),
        ];
    }
}
