using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HostService.Gateway.Tls;

/// <summary>
/// Those whose signature is trusted: the certificates of a PEM file, which is read at each use, so that it can be replaced.
/// </summary>
public static class CertificateAuthority
{
    /// <summary>For TLS servers (RFC 5280, 4.2.1.12).</summary>
    public static readonly Oid Server = new("1.3.6.1.5.5.7.3.1");

    /// <summary>For TLS clients (RFC 5280, 4.2.1.12).</summary>
    public static readonly Oid Client = new("1.3.6.1.5.5.7.3.2");

    /// <summary>Why this certificate is not good for these purposes; null when it is. Where the file cannot be used, none is.</summary>
    public static string? Refusal(X509Certificate? certificate, string path, params Oid[] purposes)
    {
        if (certificate is null)
        {
            return "there is no certificate";
        }

        try
        {
            using var presented = new X509Certificate2(certificate);
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            foreach (var purpose in purposes)
            {
                chain.ChainPolicy.ApplicationPolicy.Add(purpose);
            }

            chain.ChainPolicy.CustomTrustStore.AddRange(Read(path));
            return chain.Build(presented)
                ? null
                : $"{presented.Subject}: {string.Join("; ", chain.ChainStatus.Select(TextOf))}";
        }
        catch (Exception exception) when (IsOfFile(exception))
        {
            return $"{path} cannot be used: {exception.Message}";
        }
    }

    /// <summary>Why this file cannot be used; null when it can.</summary>
    public static string? FaultOf(string path)
    {
        try
        {
            foreach (var certificate in Read(path))
            {
                certificate.Dispose();
            }

            return null;
        }
        catch (Exception exception) when (IsOfFile(exception))
        {
            return $"cannot use {path}: {exception.Message}";
        }
    }

    /// <summary>A certificate with its key.</summary>
    /// <param name="keyPath">Empty where the key is in the certificate's file.</param>
    public static X509Certificate2 ReadOwn(string path, string keyPath) =>
        X509Certificate2.CreateFromPemFile(path, keyPath.Length > 0 ? keyPath : path);

    /// <summary>Why <see cref="ReadOwn"/> would fail; null when it would not.</summary>
    public static string? FaultOfOwn(string path, string keyPath)
    {
        try
        {
            ReadOwn(path, keyPath).Dispose();
            return null;
        }
        catch (Exception exception) when (IsOfFile(exception))
        {
            return $"cannot use {path}: {exception.Message}";
        }
    }

    private static string TextOf(X509ChainStatus status) => status.Status == X509ChainStatusFlags.NotValidForUsage
        ? "it is not good for this purpose (extended key usage)"
        : status.StatusInformation.Trim();

    private static X509Certificate2Collection Read(string path)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPemFile(path);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("It holds no PEM certificate.");
    }

    private static bool IsOfFile(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;
}
