using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Gateway.Tls;

/// <summary>The server's certificate: the operator's own, or a self-signed one that is new at each start (B6).</summary>
public sealed partial class GatewayCertificate(X509Certificate2 certificate, X509Certificate2Collection chain) : IDisposable
{
    private static readonly TimeSpan SoonExpires = TimeSpan.FromDays(14);

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>The intermediate certificates in the operator's file.</summary>
    public X509Certificate2Collection Chain { get; } = chain;

    /// <summary>The operator's certificate; without one, a new self-signed one.</summary>
    /// <exception cref="GatewayCertificateException">It cannot be used; the message says why and what to do.</exception>
    public static GatewayCertificate Prepare(
        GatewayOptions options, IReadOnlyList<string> addresses, TimeProvider timeProvider, ILogger logger) =>
        options.CertificatePath.Length > 0
            ? Load(options.CertificatePath, options.CertificateKeyPath, timeProvider, logger)
            : new GatewayCertificate(
                SelfSignedCertificate.Create(
                    timeProvider.GetUtcNow(), [.. AddressList.Split(options.CertificateNames), .. addresses]),
                []);

    public void Dispose()
    {
        Certificate.Dispose();
        foreach (var intermediate in Chain)
        {
            intermediate.Dispose();
        }
    }

    private static GatewayCertificate Load(string path, string keyPath, TimeProvider timeProvider, ILogger logger)
    {
        var certificates = new X509Certificate2Collection();
        var text = Read("Gateway:CertificatePath", path);
        try
        {
            certificates.ImportFromPem(text);
        }
        catch (CryptographicException exception)
        {
            throw new GatewayCertificateException($"Gateway:CertificatePath: {path} cannot be read as PEM. {exception.Message}", exception);
        }

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

    [LoggerMessage(LogLevel.Warning, "The certificate in {Path} expires on {Until:u}; replace it and restart")]
    private static partial void ExpiresSoon(ILogger logger, string path, DateTimeOffset until);
}

/// <summary>Reports a certificate that cannot be used together with the other faults of the configuration.</summary>
internal sealed class CertificateCheck(TimeProvider timeProvider) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        if (options.CertificatePath.Length == 0)
        {
            return ValidateOptionsResult.Skip;
        }

        try
        {
            GatewayCertificate.Prepare(options, [], timeProvider, NullLogger.Instance).Dispose();
            return ValidateOptionsResult.Success;
        }
        catch (GatewayCertificateException exception)
        {
            return ValidateOptionsResult.Fail(exception.Message);
        }
    }
}

/// <summary>No certificate can be used; the message says why and what to do.</summary>
public sealed class GatewayCertificateException(string message, Exception? inner = null) : Exception(message, inner);
