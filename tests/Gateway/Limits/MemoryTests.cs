using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Limits;

/// <summary>Runs by itself, for it measures what the whole process allocates.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests
{
    [Fact]
    public async Task Requests_that_promise_a_body_and_send_none_cost_next_to_nothing()
    {
        const int Connections = 16;
        const int Streams = 15;
        await using var server = await GatewayServer.StartAsync(null, ("Gateway:MaxRequestsPerAddress", $"{Connections * Streams}"));
        var connections = new List<Http2Frames>();
        using var honest = server.Client(GatewayServer.Stranger(2));
        await SpinUpAsync(honest);
        for (var i = 0; i < Connections; i++)
        {
            connections.Add(await server.Http2Async(GatewayServer.Stranger(1)));
            // The first request makes the server's own objects for the connection.
            await connections[i].StatusAsync(await connections[i].RequestAsync("GET", "/nothing"));
        }

        var before = GC.GetTotalAllocatedBytes(precise: true);
        foreach (var connection in connections)
        {
            for (var i = 0; i < Streams; i++)
            {
                await connection.RequestAsync("PUT", "/spin_up_mandelbox", contentLength: 1 << 20);
            }
        }

        await server.BegunAsync(1 + Connections + (Connections * Streams));
        var each = (GC.GetTotalAllocatedBytes(precise: true) - before) / (Connections * Streams);

        Assert.True(each < 64 * 1024, $"{each} bytes a request");
        Assert.Equal(HttpStatusCode.OK, await SpinUpAsync(honest));
        foreach (var connection in connections)
        {
            await connection.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_a_flood_took_is_given_back_within_a_minute()
    {
        var clock = new ManualClock();
        await using var host = await GatewayHost.LocalAsync(null, clock);
        var flood = Flood();
        var taken = GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes;

        clock.Advance(TimeSpan.FromMinutes(1));

        Assert.False(flood.IsAlive);
        Assert.InRange(taken - GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes, 100L << 20, long.MaxValue);
    }

    /// <summary>Garbage of which no more is made, after a collection that has found all of it in use.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Flood()
    {
        var bodies = Enumerable.Range(0, 150).Select(_ => new byte[1 << 20]).ToList();
        GC.Collect();
        return new WeakReference(bodies[0]);
    }

    private static async Task<HttpStatusCode> SpinUpAsync(HttpClient client)
    {
        using var body = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(Samples.SpinUp()));
        using var answer = await client.PutAsync(new Uri("/spin_up_mandelbox", UriKind.Relative), body);
        return answer.StatusCode;
    }
}
