using System.Diagnostics;
using HostService.Tests.Support;

namespace HostService.Bench;

/// <summary>
/// Placements by a fleet of 20 hosts on engines that answer at once, through HTTPS; and what its processes take. Callers, engines, hosts,
/// relays and the fleet share the cores.
/// </summary>
internal static class Fleet
{
    private const int Hosts = 20;
    private const int Callers = 16;
    private const int WarmUpRounds = 8;

    /// <summary>A round fills the hosts nearly: 54 each.</summary>
    private const int Placements = 1000;

    public static async Task RunAsync(Report report)
    {
        var processes = new Stack<IAsyncDisposable>();
        try
        {
            var fleet = await ServiceUnderMeasure.StartAsync("fleet", isInMemory: true, []);
            processes.Push(fleet);
            var (hosts, relays) = (new List<ServiceUnderMeasure>(), new List<ServiceUnderMeasure>());
            for (var i = 0; i < Hosts; i++)
            {
                var engine = await InstantEngine.StartAsync(seed: i);
                processes.Push(engine);
                (string, string)[] settings =
                [
                    ("Docker__Endpoint", engine.Endpoint.ToString()),
                    ("Docker__SandboxPool", "0"),
                    ("Host__InstanceName", $"bench-{Environment.ProcessId}-{i}"),
                    ("Orleans__ExternalClients", "true"),
                    ("Orleans__GatewayPort", $"{ServiceUnderMeasure.FreePort()}"),
                    ("Relay__Fleet", fleet.Address.ToString()),
                ];
                var host = await ServiceUnderMeasure.StartAsync("run", isInMemory: true, settings);
                processes.Push(host);
                hosts.Add(host);
                var relay = await ServiceUnderMeasure.StartAsync("relay", isInMemory: true, settings);
                processes.Push(relay);
                relays.Add(relay);
            }

            // The first ones make the runtimes compile their code.
            for (var round = 0; round < WarmUpRounds; round++)
            {
                await PlaceAsync(fleet, $"warm{round}", () => []);
            }

            (string Name, IReadOnlyList<ServiceUnderMeasure> Processes)[] parts =
                [("control silo", [fleet]), ("relays", relays), ("hosts", hosts)];
            var before = parts.Select(part => CpuTimeOf(part.Processes)).ToList();
            var (placements, elapsed, after) = await PlaceAsync(fleet, "placed", () => [.. parts.Select(part => CpuTimeOf(part.Processes))]);
            report.Add($"fleet, {Hosts} hosts, {Callers} callers: placements a second", Placements / elapsed.TotalSeconds, "", atLeast: 200);
            report.Add("fleet: POST, 50 %", placements.At(0.5), "ms");
            report.Add("fleet: POST, 99 %", placements.At(0.99), "ms", atMost: 150);
            foreach (var (part, i) in parts.Select((part, i) => (part.Name, i)))
            {
                report.Add($"fleet: CPU a placement, {part}", (after[i] - before[i]).TotalMilliseconds / Placements, "ms");
            }

            report.Add("fleet: private memory of a relay", relays.Max(relay => relay.PrivateKb()) / 1024, "MB", atMost: 110);
            report.Add("fleet: private memory of the control silo", fleet.PrivateKb() / 1024, "MB");
            await MeasureIdleAsync(report, fleet, relays[0]);
        }
        finally
        {
            while (processes.TryPop(out var process))
            {
                await process.DisposeAsync();
            }
        }
    }

    /// <summary>One round, and the end of what it placed, which is not measured.</summary>
    private static async Task<(Samples Placements, TimeSpan Elapsed, IReadOnlyList<TimeSpan> Figures)> PlaceAsync(
        ServiceUnderMeasure fleet, string name, Func<IReadOnlyList<TimeSpan>> read)
    {
        var placements = new Samples();
        var began = Stopwatch.GetTimestamp();
        await EachAsync(id => placements.TimeAsync(() => fleet.PlaceAsync(id)));
        var elapsed = Stopwatch.GetElapsedTime(began);
        var figures = read();
        await EachAsync(id => fleet.StopAsync(id, "/v1/fleet/mandelboxes"));
        return (placements, elapsed, figures);

        Task EachAsync(Func<string, Task> work) => Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            for (var i = caller; i < Placements; i += Callers)
            {
                await work($"{name}-{i}");
            }
        })));
    }

    private static TimeSpan CpuTimeOf(IEnumerable<ServiceUnderMeasure> processes) =>
        TimeSpan.FromTicks(processes.Sum(process => process.CpuTime().Ticks));

    private static async Task MeasureIdleAsync(Report report, ServiceUnderMeasure fleet, ServiceUnderMeasure relay)
    {
        await Task.Delay(TimeSpan.FromSeconds(20));
        var (began, ofFleet, ofRelay) = (Stopwatch.GetTimestamp(), fleet.CpuTime(), relay.CpuTime());
        await Task.Delay(TimeSpan.FromSeconds(20));
        var elapsed = Stopwatch.GetElapsedTime(began);
        report.Add("fleet, idle: CPU of one core, control silo", 100 * (fleet.CpuTime() - ofFleet) / elapsed, "%");
        report.Add("fleet, idle: CPU of one core, a relay", 100 * (relay.CpuTime() - ofRelay) / elapsed, "%");
    }
}
