using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HostService.Gateway.Tls;

/// <summary>Makes a server certificate: ECDSA P-256, 365 days, for loopback, the machine's name, and the names it is given.</summary>
internal static class SelfSignedCertificate
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);

    // Callers' clocks may be behind ours, and ours may be set back.
    private static readonly TimeSpan Backdated = TimeSpan.FromDays(1);

    public static X509Certificate2 Create(DateTimeOffset now, IEnumerable<string> moreNames)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=host-service", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(Names(moreNames));
        return request.CreateSelfSigned(now - Backdated, now - Backdated + Lifetime);
    }

    private static X509Extension Names(IEnumerable<string> moreNames)
    {
        var names = new SubjectAlternativeNameBuilder();
        string[] all = ["localhost", Environment.MachineName, "127.0.0.1", "::1", .. moreNames];
        foreach (var name in all.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IPAddress.TryParse(name, out var address))
            {
                names.AddIpAddress(address);
            }
            else if (Uri.CheckHostName(name) == UriHostNameType.Dns)
            {
                names.AddDnsName(name);
            }
        }

        return names.Build();
    }
}
