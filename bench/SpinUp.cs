namespace HostService.Bench;

/// <summary>
/// What a start and an end through the service cost, as a ratio to the same container through the raw engine API. All ways take turns
/// in one run, and nothing else runs meanwhile: sandboxes are ready before each turn.
/// </summary>
internal static class SpinUp
{
    private const string ModelId = "model";
    private static readonly (int Callers, int Rounds)[] Sizes = [(1, 30), (4, 10), (16, 6), (48, 2)];

    public static async Task RunAsync(Report report)
    {
        var endpoint = ServiceUnderMeasure.RealEngine;
        using var engine = new RawEngine(endpoint);
        report.Machine["engine"] = await engine.DescribeAsync();
        await using var without = await ServiceUnderMeasure.StartAsync(endpoint, sandboxes: 0);
        await using var with = await ServiceUnderMeasure.StartAsync(endpoint, sandboxes: 16);
        await using var drained = await ServiceUnderMeasure.StartAsync(endpoint, sandboxes: 1);
        await using var warm = await ServiceUnderMeasure.StartAsync(endpoint, sandboxes: 4, waiting: 16);

        // Lives as long as the run does.
        await without.SpinUpAsync(ModelId);
        var raw = new RawWay(engine, await engine.InspectAsync($"mandelboxes-demo-{ModelId}"), ModelId, without.Root);
        var withoutSandboxes = new ServiceWay("cold without sandboxes", without);
        var withSandboxes = new ServiceWay("cold with sandboxes", with);
        var (drainedPool, waiting) = (new DrainedWay(drained), new ServiceWay("warm", warm));
        Way[] ways = [raw, withoutSandboxes, withSandboxes, drainedPool, waiting];
        var goals = new Dictionary<Way, double>
        {
            [withoutSandboxes] = 1.10,
            [withSandboxes] = 0.50,
            [drainedPool] = 1.10,
            [waiting] = 0.04,
        };
        async Task SettleAsync()
        {
            await with.UntilPoolsAreFullAsync();
            await drained.UntilPoolsAreFullAsync();
            await warm.UntilPoolsAreFullAsync();
        }

        foreach (var (callers, rounds) in Sizes)
        {
            // The pools are not larger than this.
            Way[] turns = callers == 1 ? [.. ways, new DockerRunWay(endpoint)] : callers <= 16 ? ways : [raw, withoutSandboxes];
            var warmUp = callers == 1 ? 3 : 0;
            foreach (var way in turns)
            {
                way.Forget();
            }

            for (var round = 0; round < warmUp + rounds; round++)
            {
                for (var turn = 0; turn < turns.Length; turn++)
                {
                    // The order changes from round to round, so that none always follows another's clean-up.
                    var way = turns[(round + turn) % turns.Length];
                    await way.MeasureAsync(
                        [.. Enumerable.Range(0, callers).Select(caller => $"bench-{callers}-{round}-{turn}-{caller}")], SettleAsync);
                    if (round < warmUp)
                    {
                        way.Forget();
                    }
                }
            }

            foreach (var way in turns)
            {
                double? goal = way == withoutSandboxes && callers == 1 ? 1.05 : goals.TryGetValue(way, out var most) ? most : null;
                report.Add(Title("start", way, callers), way.Starts.At(0.5), "ms", raw.Starts.At(0.5), goal);
                report.Add(Title("start, 90 %", way, callers), way.Starts.At(0.9), "ms", raw.Starts.At(0.9));
            }

            foreach (var way in turns)
            {
                report.Add(Title("removal", way, callers), way.Ends.At(0.5), "ms", raw.Ends.At(0.5), way is ServiceWay ? 1.05 : null);
            }
        }
    }

    private static string Title(string what, Way way, int callers) => $"{what}, {callers} caller{(callers == 1 ? "" : "s")}: {way.Name}";
}
