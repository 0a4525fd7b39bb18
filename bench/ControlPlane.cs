using System.Diagnostics;
using HostService.Tests.Support;

namespace HostService.Bench;

/// <summary>
/// What a mandelbox costs the service itself: whole cycles (PUT, DELETE) on an engine that answers at once, with one caller and with many.
/// Callers and engine run in this process, on the same cores as the service. CPU time is that of the service and of the programs that it
/// has started.
/// </summary>
internal static class ControlPlane
{
    private static readonly int[] Callers = [1, 16, 48];
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Row = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(Report report)
    {
        await using var engine = await InstantEngine.StartAsync(seed: 0);
        await using var service = await ServiceUnderMeasure.StartAsync(engine.Endpoint, sandboxes: 0, isInMemory: true);
        await MeasureAsync(service, Callers[^1], WarmUp);
        foreach (var callers in Callers)
        {
            var result = await MeasureAsync(service, callers, Row);
            var name = $"control plane, {callers} caller{(callers == 1 ? "" : "s")}:";
            report.Add($"{name} cycles a second", result.Puts.Count / result.Elapsed.TotalSeconds, "", atLeast: callers == 48 ? 400 : null);
            report.Add($"{name} CPU of the service a cycle", result.Cpu.TotalMilliseconds / result.Puts.Count, "ms", atMost: 2);
            report.Add($"{name} allocated a cycle", result.AllocatedBytes / 1024 / result.Puts.Count, "KB", atMost: 100);
            report.Add($"{name} PUT, 50 %", result.Puts.At(0.5), "ms", atMost: callers == 1 ? 4 : null);
            report.Add($"{name} PUT, 99 %", result.Puts.At(0.99), "ms", atMost: callers == 48 ? 100 : null);
            report.Add($"{name} DELETE, 50 %", result.Deletes.At(0.5), "ms");
            report.Add($"{name} DELETE, 99 %", result.Deletes.At(0.99), "ms");
        }
    }

    private static async Task<Result> MeasureAsync(ServiceUnderMeasure service, int callers, TimeSpan duration)
    {
        var (puts, deletes) = (new Samples(), new Samples());
        var (cpu, allocated) = (service.CpuTime(), await service.AllocatedBytesAsync());
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; Stopwatch.GetElapsedTime(began) < duration; i++)
            {
                var id = $"bench-{callers}-{caller}-{i}";
                await puts.TimeAsync(() => service.SpinUpAsync(id));
                await deletes.TimeAsync(() => service.StopAsync(id));
            }
        })));
        var elapsed = Stopwatch.GetElapsedTime(began);
        return new Result(elapsed, service.CpuTime() - cpu, await service.AllocatedBytesAsync() - allocated, puts, deletes);
    }

    private sealed record Result(TimeSpan Elapsed, TimeSpan Cpu, double AllocatedBytes, Samples Puts, Samples Deletes);
}
