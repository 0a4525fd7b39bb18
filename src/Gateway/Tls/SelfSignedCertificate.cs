using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HostService.Gateway.Tls;

/// <summary>Makes a server certificate: ECDSA P-256, 365 days, for loopback and the machine's own addresses and name.</summary>
internal static class SelfSignedCertificate
{
    public const string KeyFile = "key.pem";
    public const string CertificateFile = "cert.pem";
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);

    // Callers' clocks may be a little behind ours.
    private static readonly TimeSpan Backdated = TimeSpan.FromMinutes(5);

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

    /// <summary>Writes key and certificate below <paramref name="privateRoot"/>, readable by the owner only.</summary>
    public static void Keep(X509Certificate2 certificate, string privateRoot)
    {
        using var key = certificate.GetECDsaPrivateKey() ?? throw new GatewayCertificateException(
            "The self-signed certificate has no key.");
        try
        {
            Directory.CreateDirectory(privateRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Write(Path.Combine(privateRoot, KeyFile), key.ExportPkcs8PrivateKeyPem());
            Write(Path.Combine(privateRoot, CertificateFile), certificate.ExportCertificatePem());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new GatewayCertificateException(
                $"Host:PrivateRoot: cannot write the TLS key below {privateRoot}; make it writable for the service's user. "
                    + exception.Message,
                exception);
        }
    }

    /// <summary>Removes what <see cref="Keep"/> wrote, and the directory if it is empty then. Missing files are no error.</summary>
    public static void Discard(string privateRoot)
    {
        if (!Directory.Exists(privateRoot))
        {
            return;
        }

        File.Delete(Path.Combine(privateRoot, KeyFile));
        File.Delete(Path.Combine(privateRoot, CertificateFile));
        if (!Directory.EnumerateFileSystemEntries(privateRoot).Any())
        {
            Directory.Delete(privateRoot);
        }
    }

    private static X509Extension Names(IEnumerable<string> moreNames)
    {
        var names = new SubjectAlternativeNameBuilder();
        string[] all =
            ["localhost", Environment.MachineName, "127.0.0.1", "::1", .. OwnAddresses().Select(a => a.ToString()), .. moreNames];
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

    private static IEnumerable<IPAddress> OwnAddresses() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(i => i.OperationalStatus == OperationalStatus.Up)
        .SelectMany(i => i.GetIPProperties().UnicastAddresses)
        .Select(a => a.Address)
        .Where(a => !a.IsIPv6LinkLocal);

    /// <summary>Writes a file that is never incomplete and never readable by others.</summary>
    private static void Write(string path, string text)
    {
        var partial = path + ".new";
        File.Delete(partial);
        using (var file = new FileStream(partial, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            using var writer = new StreamWriter(file);
            writer.Write(text);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        File.Move(partial, path, overwrite: true);
    }
}
