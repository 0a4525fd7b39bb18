using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HostService.Tests.Gateway.Tls;

/// <summary>An operator's certificate: a root of its own, and a leaf that it signed.</summary>
internal static class Certificates
{
    public static (string Path, string KeyPath, string Thumbprint) Write(
        string directory, string name, DateTimeOffset? from = null, DateTimeOffset? until = null)
    {
        var start = from ?? DateTimeOffset.UtcNow.AddDays(-1);
        var end = until ?? DateTimeOffset.UtcNow.AddDays(300);
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=test root", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = rootRequest.CreateSelfSigned(start.AddDays(-1), end.AddDays(1));
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var leaf = request.Create(root.SubjectName, X509SignatureGenerator.CreateForECDsa(rootKey), start, end, [1, 2, 3, 4]);

        var path = Path.Combine(directory, name + ".pem");
        var keyPath = Path.Combine(directory, name + "-key.pem");
        File.WriteAllText(path, leaf.ExportCertificatePem() + "\n" + root.ExportCertificatePem());
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
        return (path, keyPath, leaf.Thumbprint);
    }
}
