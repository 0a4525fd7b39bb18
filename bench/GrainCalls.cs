using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace HostService.Bench;

/// <summary>
/// What a call to an active grain costs beyond the same method called on the object: one caller that awaits call after call. The cost is
/// Orleans' own, so it has no bound here.
/// </summary>
internal static class GrainCalls
{
    private const int Calls = 200_000;
    private const int Rounds = 9;

    public static async Task RunAsync(Report report)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseLocalhostClustering());
        using var host = builder.Build();
        await host.StartAsync();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IEchoGrain>(1);
        var plain = new EchoGrainAsObject();
        var record = new EchoRecord("text", 7);
        await AddAsync(report, "Task<int> Echo(int)", () => grain.Echo(1), () => plain.Echo(1));
        await AddAsync(report, "ValueTask<int> Value(int)", () => grain.Value(1).AsTask(), () => plain.Value(1).AsTask());
        await AddAsync(report, "Task<record>, immutable", () => grain.Pass(record), () => plain.Pass(record));
        await AddAsync(report, "Task Nothing()", () => grain.Nothing(), () => plain.Nothing());
        await AddAsync(report, "Task Yields(), a turn of two", () => grain.Yields(), () => plain.Yields());
        await host.StopAsync();
    }

    private static async Task AddAsync(Report report, string name, Func<Task> call, Func<Task> direct)
    {
        await Measure(direct, Calls);
        await Measure(call, Calls);
        var (times, bytes) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            // Side by side, so that whatever else the machine does hits both.
            var (directTime, directBytes) = await Measure(direct, Calls);
            var (grainTime, grainBytes) = await Measure(call, Calls);
            times.Add(grainTime - directTime);
            bytes.Add(grainBytes - directBytes);
        }

        report.Add($"grain call: {name}", Median(times) * 1e6, "µs");
        report.Add($"grain call: {name}, allocated", Median(bytes), "bytes");
    }

    private static async Task<(double Seconds, double Bytes)> Measure(Func<Task> call, int count)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            await call();
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        return (elapsed.TotalSeconds / count, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)count);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
