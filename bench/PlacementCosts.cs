using System.Diagnostics;
using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;

namespace HostService.Bench;

/// <summary>What the choice of a host costs <c>FleetGrain</c>, of which a fleet has one, by the number of hosts.</summary>
internal static class PlacementCosts
{
    private static readonly int[] Hosts = [100, 1000, 10_000];
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Row = TimeSpan.FromSeconds(2);

    public static void Run(Report report)
    {
        foreach (var hosts in Hosts)
        {
            var reports = Enumerable.Range(0, hosts).Select(ReportOf).ToList();
            var scheduler = new PlacementScheduler(new FleetOptions(), TimeProvider.System);
            reports.ForEach(host => scheduler.Report(host));
            report.Add($"choice of a host, {hosts} hosts: a report", Measure(i => TakeReport(scheduler, reports[i % hosts])), "µs");
            report.Add($"choice of a host, {hosts} hosts: a placement", Measure(i => Place(scheduler, reports, i)), "µs");
        }
    }

    private static void TakeReport(PlacementScheduler scheduler, HostReport report)
    {
        scheduler.Report(report);
        scheduler.Next();
    }

    private static void Place(PlacementScheduler scheduler, List<HostReport> reports, int i)
    {
        var placement = scheduler.Add(new PlacementRequest($"m{i}", "mandelboxes/demo", new PlacementWishes()));
        scheduler.Next();
        var asked = placement.AskedHost!;
        scheduler.Reserved(placement);
        scheduler.Next();

        // The next report says the same: otherwise all would be full in the end. It costs little of this.
        scheduler.Report(reports[int.Parse(asked.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture)]);
    }

    private static double Measure(Action<int> work)
    {
        var next = 0;
        Repeat(WarmUp);
        var (elapsed, count) = Repeat(Row);
        return elapsed.TotalMicroseconds / count;

        (TimeSpan Elapsed, int Count) Repeat(TimeSpan duration)
        {
            var (began, from) = (Stopwatch.GetTimestamp(), next);
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                work(next++);
            }

            return (Stopwatch.GetElapsedTime(began), next - from);
        }
    }

    private static HostReport ReportOf(int number) => new()
    {
        Host = $"h{number}",
        Address = "203.0.113.7",
        Region = "us-east-1",
        Status = HostStatus.Active,
        Capacity = SimulatedHost.Capacity,
        Free = SimulatedHost.Capacity - SimulatedHost.Mandelboxes,
        GpuKinds = ["Tesla T4"],
    };
}
