using System.Net;
using System.Text.Json;
using HostService.Gateway.Limits;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Gateway.Limits;

public sealed class RequestLimitTests
{
    private const string SpinUp = "/spin_up_mandelbox";
    private static readonly byte[] Part = new byte[15_000];
    private static readonly byte[] Good = JsonSerializer.SerializeToUtf8Bytes(Samples.SpinUp());

    [Fact]
    public async Task An_address_that_has_its_share_of_requests_under_way_is_told_to_come_again()
    {
        var answer = new TaskCompletionSource<SpinUpAnswer>();
        await using var server = await GatewayServer.StartAsync(Waiting(answer), ("Gateway:MaxRequestsPerAddress", "3"));
        await using var busy = await server.Http2Async(GatewayServer.Stranger(1));
        var waiting = new[] { await SpinUpAsync(busy), await SpinUpAsync(busy), await SpinUpAsync(busy) };
        await server.BegunAsync(3);

        Assert.Equal(503, await GetAsync(busy, "/nothing"));
        using var same = server.Client(GatewayServer.Stranger(1));
        using var refusal = await SendAsync(same);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1)), (refusal.StatusCode, refusal.Headers.RetryAfter!.Delta));
        Assert.Empty(await refusal.Content.ReadAsByteArrayAsync());
        await using var other = await server.Http2Async(GatewayServer.Stranger(2));
        Assert.Equal(404, await GetAsync(other, "/nothing"));
        await using var local = await server.Http2Async(GatewayServer.Operator);
        Assert.Equal(200, await GetAsync(local, "/healthz"));

        answer.SetResult(Samples.Ready);
        var statuses = await Task.WhenAll(waiting.Select(busy.StatusAsync));
        Assert.Equal([200, 200, 200], statuses);
        await UntilAsync(() => server.Services.GetRequiredService<GatewayQuotas>().Requests.Held == 0);
        Assert.Equal(404, await GetAsync(busy, "/nothing"));
    }

    [Fact]
    public async Task Strangers_together_have_a_limit_that_leaves_loopback_its_own()
    {
        var answer = new TaskCompletionSource<SpinUpAnswer>();
        await using var server = await GatewayServer.StartAsync(
            Waiting(answer), ("Gateway:MaxRequests", "2"), ("Gateway:MaxRequestsPerAddress", "1"));
        await using var first = await server.Http2Async(GatewayServer.Stranger(1));
        await using var second = await server.Http2Async(GatewayServer.Stranger(2));
        await SpinUpAsync(first);
        await SpinUpAsync(second);
        await server.BegunAsync(2);

        await using var third = await server.Http2Async(GatewayServer.Stranger(3));
        Assert.Equal(503, await GetAsync(third, "/nothing"));
        await using var local = await server.Http2Async(GatewayServer.Operator);
        Assert.Equal(200, await GetAsync(local, "/healthz"));
        answer.SetResult(Samples.Ready);
    }

    [Fact]
    public async Task Requests_whose_callers_leave_count_no_more()
    {
        await using var server = await GatewayServer.StartAsync(null, ("Gateway:MaxRequestsPerAddress", "4"));
        var requests = server.Services.GetRequiredService<GatewayQuotas>().Requests;
        await using (var attacker = await server.Http2Async(GatewayServer.Stranger(1)))
        {
            for (var i = 0; i < 4; i++)
            {
                await attacker.RequestAsync("PUT", SpinUp, contentLength: 1 << 20);
            }

            await server.BegunAsync(4);
            Assert.Equal(4, requests.Held);
            await attacker.ResetAsync(1);
            await attacker.ResetAsync(3);
        }

        await UntilAsync(() => requests.Held == 0);
    }

    [Fact]
    public async Task Large_bodies_share_a_bounded_memory_and_small_ones_need_none_of_it()
    {
        await using var server = await GatewayServer.StartAsync(
            null, ("Gateway:MaxBodyBytes", $"{2 << 20}"), ("Gateway:MaxBodyBytesPerAddress", $"{2 << 20}"));
        var memory = server.Services.GetRequiredService<GatewayQuotas>().BodyBytes;
        await using var attacker = await server.Http2Async(GatewayServer.Stranger(1));
        var streams = new List<int>();
        for (var i = 0; i < 16; i++)
        {
            streams.Add(await attacker.RequestAsync("PUT", SpinUp, contentLength: 15 * Part.Length));
        }

        // Each lacks its last part, unless it has been refused.
        foreach (var stream in streams)
        {
            for (var sent = 0; sent < 14; sent++)
            {
                await attacker.DataAsync(stream, Part);
            }
        }

        Assert.InRange(memory.Held, 1, 2 << 20);

        // Neither another address nor the attacker's own is the worse for it.
        foreach (var from in new[] { GatewayServer.Stranger(2), GatewayServer.Stranger(1) })
        {
            using var honest = server.Client(from);
            using var answer = await SendAsync(honest);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        foreach (var stream in streams)
        {
            await attacker.DataAsync(stream, Part, last: true);
        }

        var statuses = await Task.WhenAll(streams.Select(attacker.StatusAsync));
        Assert.Equal([400, 503], statuses.Distinct().Order());
        await UntilAsync(() => memory.Held == 0);
    }

    [Theory]
    [InlineData(4_000, 0)]
    [InlineData(16_000, 0)]
    [InlineData(17_000, 16 * 1024)]
    [InlineData(100_000, (128 - 16) * 1024)]
    [InlineData(1 << 20, (2048 - 16) * 1024)]
    public async Task Memory_grows_with_what_has_arrived_and_is_held_until_the_answer(int size, long held)
    {
        var called = new TaskCompletionSource();
        var answer = new TaskCompletionSource<SpinUpAnswer>();
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), _ =>
        {
            called.SetResult();
            return answer.Task;
        });
        await using var host = await GatewayHost.LocalAsync(grains);
        var memory = host.Services.GetRequiredService<GatewayQuotas>().BodyBytes;
        var body = JsonSerializer.Serialize(Samples.SpinUp());

        var response = host.SendAsync("PUT", SpinUp, body + new string(' ', size - body.Length));
        await called.Task;

        Assert.Equal(held, memory.Held);
        answer.SetResult(Samples.Ready);
        Assert.Equal(HttpStatusCode.OK, (await response).StatusCode);
        await UntilAsync(() => memory.Held == 0);
    }

    [Fact]
    public async Task A_body_that_takes_too_long_is_malformed()
    {
        var clock = new ManualClock();
        await using var host = await GatewayHost.LocalAsync(null, clock);

        var response = host.SendContentAsync("PUT", SpinUp, new EndlessContent());
        await clock.TimerSetAsync(TimeSpan.FromSeconds(15));
        clock.Advance(TimeSpan.FromSeconds(15));

        using var answer = await response;
        Assert.Equal((HttpStatusCode.BadRequest, "Malformed body"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task Requests_that_are_reset_at_once_leave_no_line_in_the_log_but_that_of_the_limit()
    {
        await using var server = await GatewayServer.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await using var attacker = await server.Http2Async(GatewayServer.Stranger(1));
            try
            {
                for (var i = 0; i < 3000; i++)
                {
                    await attacker.ResetAsync(await attacker.RequestAsync("PUT", SpinUp, contentLength: 1 << 20));
                }
            }
            catch (IOException)
            {
                // The server has had enough of it.
            }
        }));

        Assert.DoesNotContain(server.Log.Lines, line => !line.Contains("the limit on requests is reached", StringComparison.Ordinal));
        // Whether the server complains depends on who is faster; this is where it would.
        var complaints = server.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Http2");
        Assert.False(complaints.IsEnabled(LogLevel.Critical));
    }

    private static FakeGrains Waiting(TaskCompletionSource<SpinUpAnswer> answer) =>
        new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), _ => answer.Task);

    /// <summary>A whole request, whose answer the grain has not given yet.</summary>
    private static async Task<int> SpinUpAsync(Http2Frames connection)
    {
        var stream = await connection.RequestAsync("PUT", SpinUp, Good.Length);
        await connection.DataAsync(stream, Good, last: true);
        return stream;
    }

    private static async Task<int> GetAsync(Http2Frames connection, string path) =>
        await connection.StatusAsync(await connection.RequestAsync("GET", path));

    private static Task<HttpResponseMessage> SendAsync(HttpClient client) =>
        client.PutAsync(new Uri(SpinUp, UriKind.Relative), new ByteArrayContent(Good));

    /// <summary>The server gives back once the answer is out, which the client may see first.</summary>
    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Yield();
        }
    }

    /// <summary>Sends the beginning of a body, and then nothing.</summary>
    private sealed class EndlessContent : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync("{"u8.ToArray());
            await stream.FlushAsync();
            await new TaskCompletionSource().Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
