using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>Who signs the certificates of a fleet's hosts.</summary>
internal sealed class FleetAuthority
{
    private readonly ScratchDirectory _directory;
    private readonly DateTimeOffset _from = DateTimeOffset.UtcNow.AddDays(-1);
    private readonly X509Certificate2 _root;

    public FleetAuthority(ScratchDirectory directory)
    {
        _directory = directory;
        var request = new CertificateRequest("CN=hosts of a test", RSA.Create(2048), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(_from, _from.AddDays(2));
        Path = directory["ca.pem"];
        File.WriteAllText(Path, _root.ExportCertificatePem());
    }

    public string Path { get; }

    /// <summary>Of a control silo whose certificate this authority has signed.</summary>
    public (string Key, string Value)[] SiloSettings(PostgresServer database) =>
    [
        ("FleetDatabase__ConnectionString", database.ConnectionString),
        ("FleetSilo__CertificatePath", Sign("silo", isServer: true)),
        ("FleetSilo__CaPath", Path),
    ];

    /// <summary>A file with the certificate of a host, and its key.</summary>
    /// <param name="isServer">Whether it is good for a server, too, as a control silo's must be.</param>
    public string Sign(string host, bool isServer = false)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var purposes = new OidCollection { new Oid("1.3.6.1.5.5.7.3.2") };
        if (isServer)
        {
            purposes.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(purposes, critical: false));
        using var certificate = request.Create(_root, _from, _from.AddDays(2), RandomNumberGenerator.GetBytes(8));
        var path = _directory[$"{host}.pem"];
        File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return path;
    }
}
