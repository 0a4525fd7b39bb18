using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway;
using HostService.Gateway.Tls;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Gateway.Tls;

public sealed class CertificateTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gateway-certificates-");
    private readonly ManualClock _clock = new(new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.Zero));

    public void Dispose() => _directory.Delete(recursive: true);

    private string Private => Path.Combine(_directory.FullName, "private");

    [Fact]
    public void A_self_signed_certificate_lasts_365_days_and_names_loopback_and_what_is_configured()
    {
        var certificate = Prepare(new GatewayOptions { CertificateNames = "203.0.113.1, host.example" }).Certificate;

        Assert.Equal(_clock.GetUtcNow().AddDays(-1).UtcDateTime, certificate.NotBefore.ToUniversalTime());
        Assert.Equal(TimeSpan.FromDays(365), certificate.NotAfter - certificate.NotBefore);
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        foreach (var address in new[] { IPAddress.Loopback, IPAddress.IPv6Loopback, IPAddress.Parse("203.0.113.1") })
        {
            Assert.Contains(address, names.EnumerateIPAddresses());
        }

        Assert.Contains("localhost", names.EnumerateDnsNames());
        Assert.Contains("host.example", names.EnumerateDnsNames());
        Assert.Equal(ECCurve.NamedCurves.nistP256.Oid.Value, certificate.GetECDsaPrivateKey()!.ExportParameters(false).Curve.Oid.Value);
    }

    [Fact]
    public void The_key_is_kept_for_its_owner_alone_and_is_new_each_time()
    {
        Keep().Dispose();
        var first = File.ReadAllText(Path.Combine(Private, "key.pem"));
        // What an earlier run left, readable by all, does not stay so.
        File.SetUnixFileMode(Path.Combine(Private, "key.pem"), (UnixFileMode)0b110_100_100);
        using var second = Prepare(new GatewayOptions());
        using var files = KeptCertificate.Write(second.Certificate, Private);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Private, "key.pem")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Private));
        Assert.NotEqual(first, File.ReadAllText(Path.Combine(Private, "key.pem")));
        using var kept = X509Certificate2.CreateFromPemFile(Path.Combine(Private, "cert.pem"), Path.Combine(Private, "key.pem"));
        Assert.Equal(second.Certificate.Thumbprint, kept.Thumbprint);
        Assert.Equal(2, Directory.GetFiles(Private).Length);
    }

    [Fact]
    public void A_directory_that_cannot_be_written_is_named()
    {
        var file = Path.Combine(_directory.FullName, "a-file");
        File.WriteAllText(file, "");

        var fault = Assert.Throws<GatewayCertificateException>(
            () => KeptCertificate.Write(Prepare(new GatewayOptions()).Certificate, file));
        Assert.Contains("Host:PrivateRoot", fault.Message, StringComparison.Ordinal);
        Assert.Contains(file, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operators_certificate_comes_with_its_chain_also_when_the_key_is_in_the_same_file()
    {
        var (path, keyPath, thumbprint) = Operators();
        Assert.Equal(thumbprint, Prepare(Own(path, keyPath)).Certificate.Thumbprint);
        File.AppendAllText(path, "\n" + File.ReadAllText(keyPath));

        var both = Prepare(Own(path, ""));

        Assert.Equal(thumbprint, both.Certificate.Thumbprint);
        Assert.True(both.Certificate.HasPrivateKey);
        Assert.Equal("CN=test root", Assert.Single(both.Chain).Subject);
    }

    [Theory]
    [InlineData("missing.pem", "key", "cannot read")]
    [InlineData("path", "missing.pem", "cannot read")]
    [InlineData("empty", "key", "holds no PEM certificate")]
    [InlineData("path", "empty", "holds no private key")]
    [InlineData("path", "other-key", "belongs to the first certificate")]
    [InlineData("path", "encrypted", "is encrypted")]
    [InlineData("path", "path", "holds no private key")]
    [InlineData("garbage", "key", "holds no PEM certificate")]
    public void A_file_that_will_not_do_is_named_with_what_is_wrong(string certificate, string key, string expected)
    {
        var (path, keyPath, _) = Operators();
        var (_, otherKey, _) = Certificates.Write(
            _directory.FullName, "other", _clock.GetUtcNow().AddDays(-1), _clock.GetUtcNow().AddDays(100));
        using var rsa = RSA.Create(2048);
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["path"] = path,
            ["key"] = keyPath,
            ["other-key"] = otherKey,
            ["empty"] = Write("empty.pem", ""),
            ["garbage"] = Write("garbage.pem", "-----BEGIN NONSENSE-----"),
            ["encrypted"] = Write("encrypted.pem", rsa.ExportEncryptedPkcs8PrivateKeyPem(
                "x", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1))),
        };
        var options = Own(files.GetValueOrDefault(certificate, certificate), files.GetValueOrDefault(key, key));

        var fault = Assert.Throws<GatewayCertificateException>(() => Prepare(options));

        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.Contains("Gateway:Certificate", fault.Message, StringComparison.Ordinal);
        Assert.Equal([fault.Message], new CertificateCheck(_clock).Validate(null, options).Failures!);
    }

    [Theory]
    [InlineData(-10, -1, "expired")]
    [InlineData(1, 10, "not valid before")]
    public void A_certificate_out_of_its_time_is_refused(int from, int until, string expected)
    {
        var (path, keyPath, _) = Certificates.Write(
            _directory.FullName, "late", _clock.GetUtcNow().AddDays(from), _clock.GetUtcNow().AddDays(until));

        var fault = Assert.Throws<GatewayCertificateException>(() => Prepare(Own(path, keyPath)));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(13, true)]
    [InlineData(15, false)]
    public void A_certificate_that_expires_within_two_weeks_is_warned_of(int days, bool warned)
    {
        var (path, keyPath, _) = Certificates.Write(
            _directory.FullName, "soon", _clock.GetUtcNow().AddDays(-1), _clock.GetUtcNow().AddDays(days));
        var log = new WarningCount();

        GatewayCertificate.Prepare(Own(path, keyPath), [], _clock, log);

        Assert.Equal(warned ? 1 : 0, log.Warnings);
    }

    private (string Path, string KeyPath, string Thumbprint) Operators() =>
        Certificates.Write(_directory.FullName, "operator", _clock.GetUtcNow().AddDays(-1), _clock.GetUtcNow().AddDays(100));

    private KeptCertificate Keep() => KeptCertificate.Write(Prepare(new GatewayOptions()).Certificate, Private);

    private GatewayCertificate Prepare(GatewayOptions options) =>
        GatewayCertificate.Prepare(options, [], _clock, NullLogger.Instance);

    private static GatewayOptions Own(string path, string keyPath) => new() { CertificatePath = path, CertificateKeyPath = keyPath };

    private string Write(string name, string text)
    {
        var path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private sealed class WarningCount : ILogger
    {
        public int Warnings { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Warnings += logLevel == LogLevel.Warning ? 1 : 0;
    }
}
