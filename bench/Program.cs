using HostService.Bench;

// One verb a benchmark; each prints what it measured and how.
var benchmarks = new Dictionary<string, Func<string[], Task<int>>>
{
    ["control-plane"] = ControlPlane.Run,
    ["grain-calls"] = GrainCalls.Run,
    ["spin-up"] = SpinUp.Run,
};

if (args is [var verb, .. var rest] && benchmarks.TryGetValue(verb, out var run))
{
    return await run(rest);
}

Console.Error.WriteLine($"usage: bench ({string.Join(" | ", benchmarks.Keys.Order())})");
return 2;
