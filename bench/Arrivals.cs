using System.Diagnostics;

namespace HostService.Bench;

/// <summary>
/// Users who come by chance (Poisson), whether or not the ones before have been served, while both pools are refilled. Each stays for a
/// while. On the real engine.
/// </summary>
internal static class Arrivals
{
    private const int Waiting = 4;
    private static readonly double[] PerSecond = [0.5, 1, 2];
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Stay = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Report report)
    {
        await using var service = await ServiceUnderMeasure.StartAsync(ServiceUnderMeasure.RealEngine, sandboxes: 4, Waiting);

        // Predictable on purpose: two runs have the same arrivals.
        var random = new Random(0);
        foreach (var rate in PerSecond)
        {
            await service.UntilPoolsAreFullAsync();
            var all = new Samples();
            var windows = Enumerable.Range(0, (int)(Duration / Window)).Select(_ => new Samples()).ToArray();
            var began = Stopwatch.GetTimestamp();
            var users = new List<Task>();
            var next = TimeSpan.Zero;
            while (true)
            {
                next += TimeSpan.FromSeconds(-Math.Log(1 - random.NextDouble()) / rate);
                if (next >= Duration)
                {
                    break;
                }

                await Task.Delay(next - Stopwatch.GetElapsedTime(began) is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
                users.Add(VisitAsync(service, $"bench-{rate:0.0}-{users.Count}".Replace('.', '-'), all, windows[(int)(next / Window)]));
            }

            await Task.WhenAll(users);
            var name = $"{rate} arrivals a second, {Waiting} waiting: PUT";
            report.Add($"{name}, 50 %", all.At(0.5), "ms");
            report.Add($"{name}, 99 %", all.At(0.99), "ms");
            report.Add(
                $"{name}, 99 % in the worst {Window.TotalSeconds:0} s", windows.Where(w => w.Count > 0).Max(w => w.At(0.99)), "ms");
        }
    }

    private static async Task VisitAsync(ServiceUnderMeasure service, string id, params Samples[] samples)
    {
        var puts = new Samples();
        await puts.TimeAsync(() => service.SpinUpAsync(id));
        foreach (var sample in samples)
        {
            sample.Add(puts.At(0));
        }

        await Task.Delay(Stay);
        await service.StopAsync(id);
    }
}
