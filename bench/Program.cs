using HostService.Bench;

// Each benchmark adds its figures to one report.
var benchmarks = new Dictionary<string, Func<Report, Task>>(StringComparer.Ordinal)
{
    ["spin-up"] = SpinUp.RunAsync,
    ["arrivals"] = Arrivals.RunAsync,
    ["footprint"] = Footprint.RunAsync,
    ["ops-page"] = OpsPage.RunAsync,
    ["control-plane"] = ControlPlane.RunAsync,
    ["fleet"] = Fleet.RunAsync,
    ["fleet-size"] = FleetSize.RunAsync,
    ["grain-calls"] = GrainCalls.RunAsync,
};

if (args is ["compare", var before, var after])
{
    Report.Compare(before, after);
    return 0;
}

string[] names = args is [.., "--json", _] ? args[..^2] : args;
if (names.Any(name => !benchmarks.ContainsKey(name)))
{
    Console.Error.WriteLine($"usage: bench [{string.Join(" | ", benchmarks.Keys)}]... [--json FILE]\n       bench compare A.json B.json");
    return 2;
}

var report = new Report();
foreach (var (name, run) in benchmarks)
{
    if (names.Length == 0 || names.Contains(name))
    {
        await run(report);
    }
}

report.Print();
if (names.Length < args.Length)
{
    report.Write(args[^1]);
}

return report.MeetsGoals ? 0 : 1;
