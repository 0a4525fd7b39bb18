using System.Net;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway;
using HostService.Gateway.Tls;

namespace HostService.Silo.Fleet;

/// <summary>Section <c>Relay</c>: the fleet that this host belongs to.</summary>
public sealed class RelayOptions : IValidatedOptions
{
    public const string Section = "Relay";

    /// <summary>
    /// The fleet's gateways, separated by commas, for example <c>https://10.0.0.1:4680,https://10.0.0.2:4680</c>. The relay is connected to
    /// one at a time, and goes to the next when that is lost.
    /// </summary>
    public string Fleet { get; set; } = "";

    /// <summary>
    /// This host's certificate (PEM), which names it; read again for each connection. Not needed on the fleet's own machine.
    /// </summary>
    public string CertificatePath { get; set; } = "";

    /// <summary>Its private key (PEM, not encrypted); empty when the key is in the certificate's file.</summary>
    public string CertificateKeyPath { get; set; } = "";

    /// <summary>
    /// The certificates (PEM) of those who sign the gateways' certificates; empty for those that the system trusts. A gateway on this
    /// machine's loopback needs none.
    /// </summary>
    public string CaPath { get; set; } = "";

    /// <summary>
    /// The address at which operators reach this host's own page, for the fleet's page to link to; empty: <c>https://</c>, the host's
    /// address, <c>Gateway:Port</c>, <c>/ops</c>.
    /// </summary>
    public string HostPage { get; set; } = "";

    /// <summary>The gateways' addresses.</summary>
    internal IReadOnlyList<Uri> Addresses => [.. Parts(Fleet).Select(a => new Uri(a))];

    /// <summary>Empty where it is not known.</summary>
    internal string PageOf(string address, GatewayOptions gateway) =>
        HostPage.Length > 0 ? HostPage
        : gateway.Port == 0 || !IPAddress.TryParse(gateway.Address.Length > 0 ? gateway.Address : address, out var ip) ? ""
        : new UriBuilder(Uri.UriSchemeHttps, ip.ToString(), gateway.Port, "/ops").Uri.ToString();

    /// <summary>This host's certificate with its key; null where it has none.</summary>
    internal X509Certificate2? ReadCertificate() =>
        CertificatePath.Length == 0 ? null : CertificateAuthority.ReadOwn(CertificatePath, CertificateKeyPath);

    public IEnumerable<string> Validate() =>
    [
        .. ValidatedOptions.Faults((
            HostPage.Length == 0 || (Uri.TryCreate(HostPage, UriKind.Absolute, out var page) && page.Scheme == Uri.UriSchemeHttps),
            $"Relay:HostPage is '{HostPage}', which is no address of a page; give one like https://host1.example.com:4678/ops.")),
        .. ValidatedOptions.Faults((
            CertificateKeyPath.Length == 0 || CertificatePath.Length > 0,
            "Relay:CertificateKeyPath is set and Relay:CertificatePath is not; set both or neither.")),
        .. Parts(Fleet).Where(a => !Uri.TryCreate(a, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps)
            .Select(a => $"Relay:Fleet holds '{a}', which is no address of a gateway; give one like https://10.0.0.1:4680."),
        .. CertificatePath.Length > 0 && CertificateAuthority.FaultOfOwn(CertificatePath, CertificateKeyPath) is { } fault
            ? [$"Relay:CertificatePath: {fault}"] : Array.Empty<string>(),
        .. CaPath.Length > 0 && CertificateAuthority.FaultOf(CaPath) is { } unusable
            ? [$"Relay:CaPath: {unusable}"] : Array.Empty<string>(),
    ];

    private static string[] Parts(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
