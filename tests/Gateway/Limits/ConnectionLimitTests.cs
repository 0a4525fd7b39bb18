using System.Net;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Limits;

public sealed class ConnectionLimitTests
{
    private static readonly IPAddress Operator = IPAddress.Loopback;

    [Fact]
    public async Task An_address_that_has_its_share_of_connections_gets_no_more_until_one_of_them_ends()
    {
        await using var server = await GatewayServer.StartAsync(null, ("Gateway:MaxConnectionsPerAddress", "2"));
        var first = await server.Http2Async(GatewayServer.Stranger(1));
        await using var second = await server.Http2Async(GatewayServer.Stranger(1));

        await Assert.ThrowsAsync<IOException>(() => server.Http2Async(GatewayServer.Stranger(1)));

        await AnswersAsync(server, GatewayServer.Stranger(2));
        await AnswersAsync(server, Operator);
        await first.DisposeAsync();
        await using var again = await RetryAsync(() => server.Http2Async(GatewayServer.Stranger(1)));
    }

    [Fact]
    public async Task Strangers_together_have_a_limit_that_leaves_loopback_and_trusted_networks_their_own()
    {
        await using var server = await GatewayServer.StartAsync(
            null, ("Gateway:MaxConnections", "2"), ("Gateway:MaxConnectionsPerAddress", "1"), ("Gateway:TrustedNetworks", "203.0.113.9"));
        await using var first = await server.Http2Async(GatewayServer.Stranger(1));
        await using var second = await server.Http2Async(GatewayServer.Stranger(2));

        await Assert.ThrowsAsync<IOException>(() => server.Http2Async(GatewayServer.Stranger(3)));

        await using var backend = await server.Http2Async(GatewayServer.Stranger(9));
        await using var local = await server.Http2Async(Operator);
        Assert.Equal(404, await backend.StatusAsync(await backend.RequestAsync("GET", "/nothing")));
        Assert.Equal(200, await local.StatusAsync(await local.RequestAsync("GET", "/healthz")));

        // Theirs is bounded, too.
        await Assert.ThrowsAsync<IOException>(() => server.Http2Async(Operator));
    }

    [Fact]
    public async Task Refusals_by_the_hundred_are_one_line_in_the_log_and_a_figure()
    {
        await using var server = await GatewayServer.StartAsync(null, ("Gateway:MaxConnectionsPerAddress", "1"));
        await using var first = await server.Http2Async(GatewayServer.Stranger(1));

        for (var i = 0; i < 100; i++)
        {
            await Assert.ThrowsAsync<IOException>(() => server.Http2Async(GatewayServer.Stranger(1)));
        }

        Assert.Contains("203.0.113.1", Assert.Single(server.Log.Lines), StringComparison.Ordinal);
        using var local = server.Client(Operator);
        var metrics = await local.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains("host_service_gateway_refusals_total{limit=\"connections\"} 100\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_without_a_request_ends()
    {
        await using var server = await GatewayServer.StartAsync(null, ("Gateway:IdleTimeout", "00:00:01"));
        await using var silent = await server.Http1Async(GatewayServer.Stranger(1));
        await using var done = await server.Http1Async(GatewayServer.Stranger(1));
        await done.WriteAsync("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        await using var http2 = await server.Http2Async(GatewayServer.Stranger(1));
        Assert.Equal(404, await http2.StatusAsync(await http2.RequestAsync("GET", "/nothing")));

        Assert.Equal(0, await silent.ReadAsync(new byte[1]));
        using var reader = new StreamReader(done);
        Assert.StartsWith("HTTP/1.1 404 ", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        await http2.Closed;
    }

    private static async Task AnswersAsync(GatewayServer server, IPAddress from)
    {
        await using var connection = await server.Http2Async(from);
        Assert.Equal(404, await connection.StatusAsync(await connection.RequestAsync("GET", "/nothing")));
    }

    /// <summary>Until the server has noticed that a connection has ended.</summary>
    private static async Task<Http2Frames> RetryAsync(Func<Task<Http2Frames>> connect)
    {
        while (true)
        {
            try
            {
                return await connect();
            }
            catch (IOException)
            {
                // Refused still.
            }
        }
    }
}
