using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using HostService.Tests.Support;
using Spectre.Console;

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

    public static async Task<int> Run(string[] args)
    {
        var row = TimeSpan.FromSeconds(args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 10);
        await using var engine = await InstantEngine.StartAsync(seed: 0, faultRate: 0);
        await using var service = await ServiceUnderMeasure.StartAsync(engine.Endpoint);
        await MeasureAsync(service, Callers[^1], WarmUp);

        var table = new Table().AddColumns(
            "callers", "cycles/s", "CPU ms", "KB", "PUT p50 ms", "p99", "DELETE p50", "p99");
        var met = true;
        foreach (var callers in Callers)
        {
            var result = await MeasureAsync(service, callers, row);
            table.AddRow(
                $"{callers}",
                $"{result.CyclesPerSecond:0}",
                $"{result.CpuMs:0.00}",
                $"{result.AllocatedKb:0}",
                $"{At(result.Puts, 0.5):0.0}",
                $"{At(result.Puts, 0.99):0.0}",
                $"{At(result.Deletes, 0.5):0.0}",
                $"{At(result.Deletes, 0.99):0.0}");
            met &= result is { CpuMs: <= 2, AllocatedKb: <= 100 }
                && (callers != 1 || At(result.Puts, 0.5) <= 4)
                && (callers != 48 || (result.CyclesPerSecond >= 400 && At(result.Puts, 0.99) <= 100));
        }

        AnsiConsole.Write(table);
        Console.WriteLine($"{row.TotalSeconds:0} s each after {WarmUp.TotalSeconds:0} s of warm-up, {Environment.ProcessorCount} cores, {ServiceUnderMeasure.Program}");
        Console.WriteLine("goals: at most 2 ms of CPU and 100 KB a cycle; PUT p50 at most 4 ms with 1 caller; with 48 at least 400 cycles a second, p99 at most 100 ms");
        return met ? 0 : 1;
    }

    private static async Task<Result> MeasureAsync(ServiceUnderMeasure service, int callers, TimeSpan duration)
    {
        var puts = new ConcurrentBag<double>();
        var deletes = new ConcurrentBag<double>();
        var (cpu, allocated) = (service.CpuTime(), await service.AllocatedBytesAsync());
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; Stopwatch.GetElapsedTime(began) < duration; i++)
            {
                var id = $"bench-{callers}-{caller}-{i}";
                puts.Add(await TimeAsync(() => service.SpinUpAsync(id)));
                deletes.Add(await TimeAsync(() => service.StopAsync(id)));
            }
        })));
        var elapsed = Stopwatch.GetElapsedTime(began);
        return new Result(
            puts.Count / elapsed.TotalSeconds,
            (service.CpuTime() - cpu).TotalMilliseconds / puts.Count,
            (await service.AllocatedBytesAsync() - allocated) / 1024.0 / puts.Count,
            [.. puts.Order()],
            [.. deletes.Order()]);
    }

    private static async Task<double> TimeAsync(Func<Task> call)
    {
        var began = Stopwatch.GetTimestamp();
        await call();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static double At(double[] sorted, double part) => sorted[(int)(sorted.Length * part)];

    private sealed record Result(double CyclesPerSecond, double CpuMs, double AllocatedKb, double[] Puts, double[] Deletes);
}
