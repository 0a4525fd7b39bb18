using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway.Tls;
using HostService.Silo.Cli;
using HostService.Silo.Hosting;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Startup;

/// <summary>Which certificates the command line accepts.</summary>
public sealed class ServiceClientTests : IAsyncLifetime
{
    private readonly ScratchDirectory _directory = new();
    private readonly X509Certificate2 _certificate = SelfSignedCertificate.Create(DateTimeOffset.UtcNow, []);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private Task _serving = Task.CompletedTask;
    private volatile bool _isStopped;

    private string CaCert => _directory["cert.pem"];

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(CaCert, _certificate.ExportCertificatePem());
        _listener.Start();
        _serving = ServeAsync();
    }

    public async Task DisposeAsync()
    {
        _isStopped = true;
        _listener.Stop();
        await _serving;
        _certificate.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    public async Task A_certificate_is_checked_unless_told_otherwise(bool caCert, bool acceptAny, bool accepted)
    {
        using var client = new ServiceClient(Address, null, caCert ? CaCert : null, acceptAny);
        var answer = client.SendAsync(HttpMethod.Get, "/", null, CancellationToken.None);

        if (accepted)
        {
            Assert.Equal((HttpStatusCode.OK, "yes"), await answer);
        }
        else
        {
            var fault = await Assert.ThrowsAsync<ServiceClientException>(() => answer);
            Assert.Contains("--cacert", fault.Message, StringComparison.Ordinal);
            Assert.Contains("--insecure", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_certificate_that_is_given_is_the_only_one_accepted_even_on_loopback()
    {
        using var other = SelfSignedCertificate.Create(DateTimeOffset.UtcNow, []);
        await File.WriteAllTextAsync(CaCert, other.ExportCertificatePem());
        using var client = new ServiceClient(Address, null, CaCert, acceptAnyCertificate: true);

        await Assert.ThrowsAsync<ServiceClientException>(() => client.SendAsync(HttpMethod.Get, "/", null, CancellationToken.None));
    }

    [Theory]
    [InlineData(
        HttpStatusCode.Unauthorized, """{"title":"Unauthorized","status":401}""",
        "the service answered 401: Unauthorized. It wants the backend's credential: give it as HOST_SERVICE_TOKEN or with --token.")]
    [InlineData(
        HttpStatusCode.NotFound, """{"title":"Not Found","detail":"There is no such mandelbox on this host."}""",
        "the service answered 404: There is no such mandelbox on this host.")]
    [InlineData(HttpStatusCode.BadGateway, "<html>", "the service answered 502: <html>")]
    public void An_answer_that_is_no_success_is_told_in_words_and_a_missing_credential_with_its_remedy(
        HttpStatusCode status, string body, string told) => Assert.Equal(told, ServiceClient.Explain(status, body));

    [Theory]
    [InlineData(null)]
    [InlineData("not a certificate")]
    public async Task A_file_without_a_certificate_is_bad_usage(string? content)
    {
        var path = _directory["other.pem"];
        if (content is not null)
        {
            await File.WriteAllTextAsync(path, content);
        }

        var refusal = Assert.Throws<StartRefusedException>(() => new ServiceClient(Address, null, path, acceptAnyCertificate: true));

        Assert.Equal(ExitCodes.Usage, refusal.ExitCode);
        Assert.StartsWith($"--cacert: cannot use {path}:", refusal.Message, StringComparison.Ordinal);
    }

    private Uri Address => new($"https://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                using var connection = await _listener.AcceptTcpClientAsync();
                await using var tls = new SslStream(connection.GetStream());
                await tls.AuthenticateAsServerAsync(_certificate);
                // The whole request: a socket that is closed with some of it unread drops the answer as well.
                using var request = new StreamReader(tls, leaveOpen: true);
                while (await request.ReadLineAsync() is { Length: > 0 })
                {
                }

                await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes"u8.ToArray());
            }
            catch (Exception exception) when (_isStopped && exception is (SocketException or InvalidOperationException))
            {
                // Stopped.
                return;
            }
            catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
            {
                // The client did not like the certificate.
                continue;
            }
        }
    }
}
