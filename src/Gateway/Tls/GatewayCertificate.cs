using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HostService.Gateway.Tls;

/// <summary>The server's certificate: the operator's own, or a self-signed one that is new at each start (B6).</summary>
public sealed partial class GatewayCertificate(X509Certificate2 certificate, X509Certificate2Collection chain)
{
    private static readonly TimeSpan SoonExpires = TimeSpan.FromDays(14);

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>The intermediate certificates in the operator's file.</summary>
    public X509Certificate2Collection Chain { get; } = chain;

    /// <summary>
    /// The certificate that these settings ask for. <paramref name="privateRoot"/> is where a self-signed one's key is kept. Throws
    /// <see cref="GatewayCertificateException"/>, whose message says what is wrong and what to do.
    /// </summary>
    public static GatewayCertificate Prepare(
        GatewayOptions options, IReadOnlyList<string> addresses, string privateRoot, TimeProvider timeProvider, ILogger logger)
    {
        if (options.CertificatePath.Length > 0)
        {
            return Load(options.CertificatePath, options.CertificateKeyPath, timeProvider, logger);
        }

        var certificate = SelfSignedCertificate.Create(
            timeProvider.GetUtcNow(), [.. AddressList.Split(options.CertificateNames), .. addresses]);
        SelfSignedCertificate.Keep(certificate, privateRoot);
        return new GatewayCertificate(certificate, []);
    }

    private static GatewayCertificate Load(string path, string keyPath, TimeProvider timeProvider, ILogger logger)
    {
        var certificates = new X509Certificate2Collection();
        var text = Read("Gateway:CertificatePath", path);
        certificates.ImportFromPem(text);
        if (certificates.Count == 0)
        {
            throw new GatewayCertificateException($"Gateway:CertificatePath: {path} holds no PEM certificate.");
        }

        var (keyFile, keyText) = keyPath.Length > 0 ? (keyPath, Read("Gateway:CertificateKeyPath", keyPath)) : (path, text);
        var certificate = WithKey(text, keyText, path, keyFile);
        CheckDates(certificate, path, timeProvider.GetUtcNow(), logger);
        certificates[0].Dispose();
        certificates.RemoveAt(0);
        return new GatewayCertificate(certificate, certificates);
    }

    private static X509Certificate2 WithKey(string certificate, string key, string path, string keyPath)
    {
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new GatewayCertificateException(
                $"Gateway:CertificateKeyPath: the key in {keyPath} is encrypted; give it without a passphrase, readable by root only.");
        }

        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new GatewayCertificateException(
                $"Gateway:CertificateKeyPath: {keyPath} holds no private key (PEM) that belongs to the first certificate in {path}. "
                + exception.Message,
                exception);
        }
    }

    private static void CheckDates(X509Certificate2 certificate, string path, DateTimeOffset now, ILogger logger)
    {
        var from = new DateTimeOffset(certificate.NotBefore.ToUniversalTime());
        var until = new DateTimeOffset(certificate.NotAfter.ToUniversalTime());
        if (now >= until)
        {
            throw new GatewayCertificateException($"Gateway:CertificatePath: the certificate in {path} expired on {until:u}; replace it.");
        }

        if (now < from)
        {
            throw new GatewayCertificateException(
                $"Gateway:CertificatePath: the certificate in {path} is not valid before {from:u}; check it and this machine's clock.");
        }

        if (until - now < SoonExpires)
        {
            ExpiresSoon(logger, path, until);
        }
    }

    private static string Read(string setting, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new GatewayCertificateException($"{setting}: cannot read {path}. {exception.Message}", exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The certificate in {Path} expires on {Until:u}; replace it and restart")]
    private static partial void ExpiresSoon(ILogger logger, string path, DateTimeOffset until);
}

/// <summary>No certificate can be used; the message says why and what to do.</summary>
public sealed class GatewayCertificateException(string message, Exception? inner = null) : Exception(message, inner);
