using System.Net;
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

    /// <summary>Of a control silo on this machine's loopback whose certificate this authority has signed.</summary>
    public (string Key, string Value)[] SiloSettings(PostgresServer database) =>
    [
        ("FleetDatabase__ConnectionString", database.ConnectionString),
        ("FleetSilo__CertificatePath", Sign("silo", isServer: true)),
        ("FleetSilo__CaPath", Path),
    ];

    /// <summary>Of a control silo on a machine of its own, with the same certificate for silos and for those who come by HTTPS.</summary>
    public (string Key, string Value)[] SiloSettings(PostgresServer database, Machine machine, FleetAuthority hosts)
    {
        var own = Sign($"silo-{machine.Address}", isServer: true, machine.Address);
        return
        [
            ("FleetDatabase__ConnectionString", database.NetworkConnectionString),
            ("FleetSilo__Address", machine.Address),
            ("FleetSilo__CertificatePath", own),
            ("FleetSilo__CaPath", Path),
            ("FleetGateway__HostCaPath", hosts.Path),
            ("Gateway__CertificatePath", own),
        ];
    }

    /// <summary>A file with the certificate of a host, and its key.</summary>
    /// <param name="isServer">Whether it is good for a server, too, as a control silo's must be.</param>
    /// <param name="address">At which others reach the server.</param>
    public string Sign(string host, bool isServer = false, string? address = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var purposes = new OidCollection { new Oid("1.3.6.1.5.5.7.3.2") };
        if (isServer)
        {
            purposes.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(purposes, critical: false));
        if (address is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Parse(address));
            request.CertificateExtensions.Add(names.Build());
        }

        using var certificate = request.Create(_root, _from, _from.AddDays(2), RandomNumberGenerator.GetBytes(8));
        var path = _directory[$"{host}.pem"];
        File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return path;
    }
}
