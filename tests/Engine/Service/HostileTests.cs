using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using HostService.Tests.Engine.Service.Hostile;
using HostService.Tests.Support;
using Xunit.Abstractions;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// Strangers send what no caller would, and hold what they can get, at the process that users run. HOSTILE_REQUESTS and HOSTILE_SEED choose
/// how many requests, and which; "make soak" sends 100,000.
/// </summary>
[Collection(EngineCollection.Name)]
public sealed partial class HostileTests(ITestOutputHelper output)
{
    private const int LongRun = 100_000;
    private const int Callers = 8;

    /// <summary>What the private memory may grow by, in kB; less where the run is long enough for the garbage collector to settle.</summary>
    private const long ShortGrowth = 150 * 1024;
    private const long Growth = 20 * 1024;

    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(75);
    private static readonly TimeSpan HonestTimeout = TimeSpan.FromSeconds(30);

    /// <summary>An address of this machine that is not loopback; packets to it do not leave the machine.</summary>
    private static readonly IPAddress? OwnAddress = NetworkInterface.GetAllNetworkInterfaces()
        .Where(i => i.OperationalStatus == OperationalStatus.Up)
        .SelectMany(i => i.GetIPProperties().UnicastAddresses)
        .Select(a => a.Address)
        .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));

    [StrangerFact]
    public async Task Whatever_strangers_send_and_hold_costs_little_and_honest_callers_are_answered()
    {
        var requests = EnvironmentNumber.Read("HOSTILE_REQUESTS") ?? 2_000;
        var seed = EnvironmentNumber.Read("HOSTILE_SEED") ?? Environment.TickCount;
        var isLong = requests >= LongRun;
        var size = isLong ? new SiegeSize(1000, 32, 32, 50) : new SiegeSize(100, 8, 8, 5);
        output.WriteLine($"HOSTILE_REQUESTS={requests} HOSTILE_SEED={seed}");
        await using var engine = await InstantEngine.StartAsync(seed);
        await using var service = await TestService.StartAsync(engine.Endpoint);
        var answers = new ConcurrentDictionary<string, int>();

        // Code is compiled, and pools of connections and threads fill, in the first fifth.
        var first = requests / 5;
        await AttackAsync(service, size, Enumerable.Range(seed, first), answers);
        var early = await RestAsync(service, isLong);
        await AttackAsync(service, size, Enumerable.Range(seed + first, requests - first), answers);
        var late = await RestAsync(service, isLong);

        output.WriteLine(string.Join(", ", answers.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key}: {a.Value}")));
        output.WriteLine($"after {first}: {early}; at the end: {late}");
        Assert.Equal(0, engine.Containers);
        await service.AssertNothingIsLeftAsync();
        Assert.DoesNotContain("fail:", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.All(["body 400", "body 401", "body 406", "HTTP/2 406", "broken HTTP 400"], kind => Assert.True(
            answers.GetValueOrDefault(kind) > 0, kind));
        Assert.InRange(late.Descriptors, 0, early.Descriptors + 10);
        Assert.InRange(late.Threads, 0, early.Threads + 10);
        Assert.InRange(late.PrivateKb, 0, early.PrivateKb + (isLong ? Growth : ShortGrowth));
        Assert.Equal(0, await service.Process.EndAsync());
    }

    /// <summary>Sends these requests during a siege, while mandelboxes come and go.</summary>
    private async Task AttackAsync(TestService service, SiegeSize size, IEnumerable<int> seeds, ConcurrentDictionary<string, int> answers)
    {
        var target = new Uri($"https://{OwnAddress}:{service.Process.Address.Port}");
        var left = new ConcurrentQueue<int>(seeds);
        await using var siege = new Siege(target);
        siege.Begin(size);
        var hostile = Task.WhenAll(Enumerable.Range(0, Callers).Select(async number =>
        {
            await using var caller = new HostileCaller(target, Siege.Stranger(number), answers);
            while (left.TryDequeue(out var seed))
            {
                await caller.SendAsync(seed);
            }
        }));
        var times = new List<TimeSpan>();
        var most = 0L;
        do
        {
            var began = Stopwatch.GetTimestamp();
            // The same ids again and again: grains of mandelboxes that ended stay for two minutes, and are no growth.
            var id = $"honest-{times.Count % 20}";
            var (status, answer) = await service.SpinUpAsync(TestService.Body(id)).WaitAsync(HonestTimeout);
            Assert.True(status == HttpStatusCode.OK, $"{status} {answer}");
            Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync(id).WaitAsync(HonestTimeout));
            times.Add(Stopwatch.GetElapsedTime(began));
            await siege.NextRoundAsync();
            most = Math.Max(most, (await ProcessFootprint.ReadAsync(service.Process.Pid)).PrivateKb);
        }
        while (!hostile.IsCompleted);
        await hostile;
        times.Sort();
        output.WriteLine(
            $"{times.Count} honest cycles, median {times[times.Count / 2].TotalMilliseconds:0} ms, longest {times[^1].TotalMilliseconds:0} ms; "
            + $"{siege.Opened} connections held, {siege.Refused} refused or cut; at most {most} kB private");
    }

    /// <summary>
    /// What the service takes once the strangers have gone; after a long run, once it has given memory back, which it does within a minute.
    /// </summary>
    private static async Task<ProcessFootprint> RestAsync(TestService service, bool isLong)
    {
        while (await SumAsync(service, Connections()) > 1)
        {
            // Not all of them have been given up yet.
        }

        var (began, collections) = (Stopwatch.GetTimestamp(), await SumAsync(service, Collections()));
        while (isLong && await SumAsync(service, Collections()) == collections && Stopwatch.GetElapsedTime(began) < ReleaseTimeout)
        {
            // Not yet; and not at all where too little was taken.
        }

        return await ProcessFootprint.ReadAsync(service.Process.Pid);
    }

    private static async Task<double> SumAsync(TestService service, Regex metric) => metric
        .Matches(await service.Process.Http.GetStringAsync("/metrics"))
        .Sum(m => double.Parse(m.Groups["value"].Value, CultureInfo.InvariantCulture));

    /// <summary>Open connections, that which asks for their number included.</summary>
    [GeneratedRegex(@"^kestrel_active_connections\{[^}]*\} (?<value>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Connections();

    /// <summary>Collections of the whole heap.</summary>
    [GeneratedRegex(@"^dotnet_gc_collections_total\{[^}]*gen2[^}]*\} (?<value>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Collections();

    /// <summary>Needs an address of this machine beside loopback, so that callers can be strangers.</summary>
    private sealed class StrangerFactAttribute : FactAttribute
    {
        public StrangerFactAttribute() => Skip = OwnAddress is null ? "this machine has no address but loopback" : null;
    }
}
