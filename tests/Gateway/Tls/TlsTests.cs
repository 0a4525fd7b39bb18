using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using HostService.Gateway.Tls;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Tls;

/// <summary>The whole way over HTTPS, on a real server.</summary>
[SuppressMessage("Security", "CA5359", Justification = "These look at the certificate themselves.")]
[SuppressMessage("Security", "MA0039", Justification = "These look at the certificate themselves.")]
public sealed class TlsTests
{
    [Fact]
    public async Task A_mandelbox_is_spun_up_over_https_with_a_certificate_that_names_loopback()
    {
        await using var server = await GatewayServer.StartAsync();
        X509Certificate2? seen = null;
        var errors = SslPolicyErrors.None;
        using var client = Client((certificate, found) => (seen, errors) = (new X509Certificate2(certificate), found));

        var response = await client.PutAsync(
            new Uri(server.Address, "/spin_up_mandelbox"), new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(Samples.SpinUp())));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("HTTP/1.1", "HTTP/" + response.Version);
        Assert.False(response.Headers.Contains("Server"));
        // Nobody has signed it, and that is all that is wrong with it.
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, errors);
        Assert.Equal("1.2.840.10045.2.1", seen!.GetKeyAlgorithm());
        Assert.Equal(256, seen.GetECDsaPublicKey()!.KeySize);
        Assert.Equal(TimeSpan.FromDays(365), seen.NotAfter - seen.NotBefore);
    }

    [Fact]
    public async Task Who_trusts_the_kept_certificate_can_check_the_server()
    {
        await using var server = await GatewayServer.StartAsync();
        using var trusted = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(server.PrivateRoot, "cert.pem"));
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { trusted }, RevocationMode = X509RevocationMode.NoCheck } },
        });

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri(server.Address, "/healthz"))).StatusCode);
    }

    [Fact]
    public async Task A_server_that_does_not_get_its_port_leaves_the_files_of_the_one_that_has_it()
    {
        await using var server = await GatewayServer.StartAsync();
        var before = await FilesAsync(server.PrivateRoot);

        await Assert.ThrowsAnyAsync<IOException>(() => server.StartAnotherAsync(("Gateway:Port", server.Address.Port.ToString())));

        Assert.Equal(before, await FilesAsync(server.PrivateRoot));
    }

    [Fact]
    public async Task A_server_on_another_port_refuses_the_directory_of_one_that_runs()
    {
        await using var server = await GatewayServer.StartAsync();
        var before = await FilesAsync(server.PrivateRoot);

        var fault = await Assert.ThrowsAsync<GatewayCertificateException>(() => server.StartAnotherAsync());

        Assert.StartsWith("Host:PrivateRoot: another host service", fault.Message, StringComparison.Ordinal);
        Assert.Equal(before, await FilesAsync(server.PrivateRoot));
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_by_the_real_server_too()
    {
        await using var server = await GatewayServer.StartAsync();
        using var client = Client((_, _) => { });
        client.DefaultRequestHeaders.ExpectContinue = true;

        foreach (var chunked in new[] { false, true })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(server.Address, "/spin_up_mandelbox")) { Content = new ByteArrayContent(new byte[(1 << 20) + 1]) };
            request.Headers.TransferEncodingChunked = chunked;
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await client.SendAsync(request)).StatusCode);
        }
    }

    [Fact]
    public async Task Broken_chunks_are_a_malformed_body_on_the_real_server()
    {
        await using var server = await GatewayServer.StartAsync();
        var url = server.Address;
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(url.Host, url.Port);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("localhost");
        await tls.WriteAsync("PUT /spin_up_mandelbox HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"u8.ToArray());

        using var reader = new StreamReader(tls, Encoding.ASCII);
        var answer = await reader.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nMalformed body", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_operators_own_certificate_is_served_with_its_chain()
    {
        using var directory = new ScratchDirectory();
        var (path, keyPath, thumbprint) = Certificates.Write(directory.Path, "operator");
        await using var server = await GatewayServer.StartAsync(
            null, ("Gateway:CertificatePath", path), ("Gateway:CertificateKeyPath", keyPath));
        string? seen = null;
        using var client = Client((certificate, _) => seen = certificate.Thumbprint);

        await client.GetAsync(new Uri(server.Address, "/healthz"));

        Assert.Equal(thumbprint, seen);
        Assert.False(File.Exists(Path.Combine(server.PrivateRoot, "key.pem")));
    }

    private static HttpClient Client(Action<X509Certificate2, SslPolicyErrors> seen) => new(new HttpClientHandler
    {
        ServerCertificateCustomValidationCallback = (_, certificate, _, errors) =>
        {
            seen(certificate!, errors);
            return true;
        },
    });

    private static async Task<string> FilesAsync(string directory) =>
        await File.ReadAllTextAsync(Path.Combine(directory, "key.pem")) + await File.ReadAllTextAsync(Path.Combine(directory, "cert.pem"));
}
