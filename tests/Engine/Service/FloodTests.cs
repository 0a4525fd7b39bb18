using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>A flood of requests that promise bodies and send none, at the process that users run.</summary>
[Collection(EngineCollection.Name)]
public sealed partial class FloodTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private const int Connections = 20;
    private const int Streams = 15;

    [EngineFact]
    public async Task Bodies_that_never_come_take_no_memory_and_others_are_answered_meanwhile()
    {
        var service = fixture.Service;
        await service.GetAsync("/v1/host");
        var before = MemoryOf(service.Process.Pid);
        var flood = new List<Http2Frames>();
        for (var i = 0; i < Connections; i++)
        {
            flood.Add(await Http2Frames.ConnectAsync(service.Process.Address));
            for (var j = 0; j < Streams; j++)
            {
                await flood[i].RequestAsync("PUT", "/spin_up_mandelbox", contentLength: 1 << 20);
            }
        }

        while (await ActiveAsync() < Connections * Streams && !flood.Exists(c => c.Closed.IsCompleted))
        {
            // Not all of them have their buffer yet; after 5 s without a byte the server ends a connection.
        }

        using var unauthorized = await service.Process.Http.PostAsync("/drain_and_shutdown", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.Unauthorized, unauthorized.StatusCode);
        var during = MemoryOf(service.Process.Pid);
        foreach (var connection in flood)
        {
            await connection.DisposeAsync();
        }

        while (await ActiveAsync() > 1)
        {
            // Not all of them have given it back yet.
        }

        Assert.InRange(Math.Max(during, MemoryOf(service.Process.Pid)) - before, long.MinValue, 150L << 20);
    }

    /// <summary>Requests under way, that which asks for their number included.</summary>
    private async Task<double> ActiveAsync() => Active().Matches(await fixture.Service.Process.Http.GetStringAsync("/metrics"))
        .Sum(m => double.Parse(m.Groups["value"].Value, CultureInfo.InvariantCulture));

    /// <summary>Resident, in bytes.</summary>
    private static long MemoryOf(int pid) =>
        long.Parse(File.ReadAllText($"/proc/{pid}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;

    [GeneratedRegex(@"^http_server_active_requests\{[^}]*\} (?<value>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Active();
}
