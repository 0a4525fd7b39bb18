using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway.Tls;

namespace HostService.Gateway.Fleet;

/// <summary>
/// Asks callers for a certificate, and checks it where they have one. A caller without one, such as a user's, may be no host.
/// </summary>
internal sealed partial class HostCertificates(IOptions<FleetGatewayOptions> options, ILogger<HostCertificates> logger)
{
    private string? _told;

    public bool AreRequired => options.Value.HostCaPath.Length > 0;

    public void AskFor(SslServerAuthenticationOptions tls)
    {
        if (AreRequired)
        {
            tls.ClientCertificateRequired = true;
            tls.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is null || IsOfHost(certificate);
        }
    }

    /// <summary>The host's name in its certificate: the first DNS name, or else the common name.</summary>
    public static string NameIn(X509Certificate2 certificate) => certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false);

    private bool IsOfHost(X509Certificate certificate)
    {
        if (CertificateAuthority.Refusal(certificate, options.Value.HostCaPath, CertificateAuthority.Client) is not { } refusal)
        {
            return true;
        }

        // A relay tries again and again.
        if (Interlocked.Exchange(ref _told, refusal) != refusal)
        {
            LogRefused(refusal);
        }

        return false;
    }

    [LoggerMessage(LogLevel.Warning, "The certificate of a host is refused: {Reason}")]
    private partial void LogRefused(string reason);
}
