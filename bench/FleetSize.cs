using System.Diagnostics;
using System.Text.Json;
using HostService.Tests.Support;

namespace HostService.Bench;

/// <summary>
/// What a fleet costs by the number of its hosts: three real control silos with PostgreSQL, and hosts of which only the connection is real
/// (<see cref="SimulatedHost"/>). Callers, hosts, silos and database share the cores. FLEET_HOSTS names other numbers of hosts,
/// separated by commas.
/// </summary>
internal static class FleetSize
{
    private const int Callers = 16;
    private const int WarmUpRounds = 3;
    private const int Rounds = 3;

    /// <summary>Ten hosts have room for them beside what they have.</summary>
    private const int PlacementsOfRound = 300;

    private static readonly int[] Sizes =
        [.. (Environment.GetEnvironmentVariable("FLEET_HOSTS") ?? "10,25,50,100,300,1000").Split(',').Select(int.Parse)];

    /// <summary>Also for what the database counts.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(20);

    /// <summary>Until then the fleet takes hosts that have just become empty for full.</summary>
    private static readonly TimeSpan UntilReported = TimeSpan.FromSeconds(3);

    /// <summary>Far more than any bound: what does not come true by then never does.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    public static async Task RunAsync(Report report)
    {
        PlacementCosts.Run(report);
        if (PostgresServer.SkipReason is { } reason)
        {
            Console.Error.WriteLine($"fleet-size: {reason}");
            return;
        }

        var (cpu, memory) = (new List<(double Hosts, double Value)>(), new List<(double Hosts, double Value)>());
        foreach (var hosts in Sizes)
        {
            var (ofCpu, ofMemory) = await MeasureAsync(report, hosts);
            cpu.Add((hosts, ofCpu));
            memory.Add((hosts, ofMemory));
        }

        if (Sizes.Length > 1)
        {
            report.Add("fleet's control silos: CPU a second, of each host more", Slope(cpu), "ms");
            report.Add("fleet's control silos: private memory, of each host more", 1024 * Slope(memory), "KB");
        }
    }

    private static async Task<(double Cpu, double Memory)> MeasureAsync(Report report, int count)
    {
        var name = $"fleet of {count}:";
        await using var silos = await ControlSilos.StartAsync();
        var hosts = new List<SimulatedHost>();
        try
        {
            await Task.Delay(Settling);
            var ofNone = await silos.TransactionsAsync();
            var began = DateTimeOffset.UtcNow;
            hosts.AddRange(Enumerable.Range(0, count).Select(i => SimulatedHost.Start($"host{i}", silos.Gateways, i)));
            var join = await UntilReadyAsync(silos, count, began);
            report.Add($"{name} join of all", join.TotalSeconds, "s", atMost: count <= 100 ? 120 : null);
            await Task.Delay(Settling);
            report.Add($"{name} database, transactions of the join a host", (await silos.TransactionsAsync() - ofNone) / (double)count, "");

            await MeasurePlacementsAsync(report, name, silos);
            var steady = await MeasureSteadyAsync(report, name, silos, count);
            await MeasureDeathAsync(report, name, silos, count, steady.Busiest);
            report.Add($"{name} connections lost or not made", hosts.Sum(host => host.Faults), "");
            return (steady.Cpu, steady.Memory);
        }
        finally
        {
            await Task.WhenAll(hosts.Select(host => host.DisposeAsync().AsTask()));
        }
    }

    private static async Task MeasurePlacementsAsync(Report report, string name, ControlSilos silos)
    {
        // In the first rounds code is compiled.
        var before = await silos.TransactionsAsync();
        var (placements, elapsed) = (new Samples(), TimeSpan.Zero);
        for (var round = 0; round < WarmUpRounds + Rounds; round++)
        {
            var isMeasured = round >= WarmUpRounds;
            var took = await PlaceAsync(silos, $"round{round}", isMeasured ? placements : new Samples());
            elapsed += isMeasured ? took : TimeSpan.Zero;
        }

        await Task.Delay(Settling);
        var transactions = await silos.TransactionsAsync() - before;
        report.Add($"{name} placements a second, {Callers} callers", placements.Count / elapsed.TotalSeconds, "");
        report.Add($"{name} POST, 99 %", placements.At(0.99), "ms");
        report.Add(
            $"{name} database, transactions a placement and its end",
            transactions / (double)((WarmUpRounds + Rounds) * PlacementsOfRound), "");
    }

    private static async Task<(double Cpu, double Memory, int Busiest)> MeasureSteadyAsync(
        Report report, string name, ControlSilos silos, int count)
    {
        var (transactions, traffic, cpu) = (await silos.TransactionsAsync(), await silos.TrafficAsync(), silos.CpuTimes());
        var began = Stopwatch.GetTimestamp();
        await Task.Delay(Watched);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var took = silos.CpuTimes().Zip(cpu, (after, before) => (after - before).TotalMilliseconds / seconds).ToList();
        var trafficNow = await silos.TrafficAsync();
        report.Add($"{name} CPU of the control silos a second", took.Sum(), "ms");
        report.Add($"{name} the same, of the busiest", took.Max(), "ms");
        report.Add($"{name} private memory of the control silos", silos.PrivateMb, "MB");
        report.Add($"{name} traffic of a host", (trafficNow.OfHosts - traffic.OfHosts) / seconds / count, "bytes/s");
        report.Add(
            $"{name} traffic between control silos", (trafficNow.BetweenSilos - traffic.BetweenSilos) / 1024 / seconds, "KB/s");
        report.Add($"{name} database, transactions a second", (await silos.TransactionsAsync() - transactions) / seconds, "");
        return (took.Sum(), silos.PrivateMb, took.IndexOf(took.Max()));
    }

    /// <summary>Of the busiest, which has the grain that chooses hosts.</summary>
    private static async Task MeasureDeathAsync(Report report, string name, ControlSilos silos, int count, int busiest)
    {
        var killedAt = DateTimeOffset.UtcNow;
        await silos.KillAsync(busiest);
        var again = await UntilReadyAsync(silos, count, killedAt);
        report.Add($"{name} all ready again after a control silo's death", again.TotalSeconds, "s");
    }

    /// <summary>All are ready, and have reported since then.</summary>
    private static async Task<TimeSpan> UntilReadyAsync(ControlSilos silos, int count, DateTimeOffset since)
    {
        var ready = 0;
        while (DateTimeOffset.UtcNow - since < LongestWait)
        {
            var asked = Stopwatch.GetTimestamp();
            try
            {
                using var hosts = JsonDocument.Parse(await silos.All[0].HostsAsync());
                ready = hosts.RootElement.EnumerateArray().Count(host =>
                    host.GetProperty("state").GetString() == "ready" && host.GetProperty("reportedAt").GetDateTimeOffset() > since);
            }
            catch (HttpRequestException)
            {
                // A part of the fleet does not answer yet.
            }

            if (ready == count)
            {
                return DateTimeOffset.UtcNow - since;
            }

            // A list of many hosts costs the silos more than their reports: the wait is most of the time.
            var pause = 3 * Stopwatch.GetElapsedTime(asked);
            await Task.Delay(pause > TimeSpan.FromMilliseconds(100) ? pause : TimeSpan.FromMilliseconds(100));
        }

        throw new TimeoutException($"only {ready} of {count} hosts were ready");
    }

    /// <summary>One round, and the end of what it placed, which is not measured.</summary>
    private static async Task<TimeSpan> PlaceAsync(ControlSilos silos, string name, Samples placements)
    {
        var began = Stopwatch.GetTimestamp();
        await EachAsync((silo, id) => placements.TimeAsync(() => silo.PlaceAsync(id)));
        var elapsed = Stopwatch.GetElapsedTime(began);
        await EachAsync((silo, id) => silo.StopAsync(id, "/v1/fleet/mandelboxes"));
        await Task.Delay(UntilReported);
        return elapsed;

        Task EachAsync(Func<ServiceUnderMeasure, string, Task> work) => Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(
            async () =>
            {
                for (var i = caller; i < PlacementsOfRound; i += Callers)
                {
                    await work(silos.All[caller % silos.All.Count], $"{name}-{i}");
                }
            })));
    }

    /// <summary>By least squares.</summary>
    private static double Slope(List<(double X, double Y)> points)
    {
        var (x, y) = (points.Average(point => point.X), points.Average(point => point.Y));
        return points.Sum(point => (point.X - x) * (point.Y - y)) / points.Sum(point => (point.X - x) * (point.X - x));
    }
}
