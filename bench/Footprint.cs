using System.Diagnostics;
using HostService.Tests.Support;

namespace HostService.Bench;

/// <summary>What the service costs when nobody calls: start, memory, idle CPU and allocation; on an engine that answers at once.</summary>
internal static class Footprint
{
    private const int Starts = 5;
    private const int Mandelboxes = 54;
    private const int WarmUpRounds = 20;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(30);

    public static async Task RunAsync(Report report)
    {
        await using var engine = await InstantEngine.StartAsync(seed: 0);
        var starts = new Samples();
        for (var i = 0; i < Starts; i++)
        {
            ServiceUnderMeasure? started = null;
            await starts.TimeAsync(async () => started = await ServiceUnderMeasure.StartAsync(engine.Endpoint, sandboxes: 0, isInMemory: true));
            await started!.DisposeAsync();
        }

        report.Add("process start to ready", starts.At(0.5), "ms", atMost: 1500);
        await using var service = await ServiceUnderMeasure.StartAsync(engine.Endpoint, sandboxes: 0, isInMemory: true);
        await Task.Delay(Settling);
        var (began, cpu, allocated) = (Stopwatch.GetTimestamp(), service.CpuTime(), await service.AllocatedBytesAsync());
        await Task.Delay(Watched);
        var elapsed = Stopwatch.GetElapsedTime(began);
        var idle = service.PrivateKb();
        report.Add("idle: CPU of one core", 100 * (service.CpuTime() - cpu) / elapsed, "%", atMost: 0.5);
        report.Add(
            "idle: allocated a second", (await service.AllocatedBytesAsync() - allocated) / 1024 / elapsed.TotalSeconds, "KB", atMost: 100);
        report.Add("idle: private memory", idle / 1024, "MB", atMost: 60);

        // The first ones make the runtime compile their code; what one costs is told by those that come after them.
        await SpinUpAndStopAsync(service);
        await Task.Delay(Settling);
        var before = service.PrivateKb();
        await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.SpinUpAsync($"bench-{i}")));
        await Task.Delay(Settling);
        report.Add($"private memory a mandelbox, {Mandelboxes} of them", (service.PrivateKb() - before) / Mandelboxes, "KB", atMost: 40);
        await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.StopAsync($"bench-{i}")));
    }

    private static async Task SpinUpAndStopAsync(ServiceUnderMeasure service)
    {
        for (var round = 0; round < WarmUpRounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.SpinUpAsync($"bench-{i}")));
            await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.StopAsync($"bench-{i}")));
        }
    }
}
