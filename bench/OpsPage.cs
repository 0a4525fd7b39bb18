using System.Diagnostics;
using HostService.Tests.Support;

namespace HostService.Bench;

/// <summary>
/// What it costs the service that people look at its ops page while nothing happens: the difference to the same time without them. Each
/// viewer does what the page's script does.
/// </summary>
internal static class OpsPage
{
    private const int Viewers = 10;
    private const int Mandelboxes = 54;
    private const int Rounds = 3;
    private static readonly TimeSpan Settling = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(40);

    public static async Task RunAsync(Report report)
    {
        await using var engine = await InstantEngine.StartAsync(seed: 0);
        await using var service = await ServiceUnderMeasure.StartAsync(engine.Endpoint, sandboxes: 0, isInMemory: true);
        await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.SpinUpAsync($"bench-{i}")));
        await WithViewersAsync(service);
        await Task.Delay(Settling);
        var (without, with) = (0.0, 0.0);
        for (var round = 0; round < Rounds; round++)
        {
            without += await CpuShareAsync(service) / Rounds;
            with += await WithViewersAsync(service) / Rounds;
        }

        var name = $"ops page, {Mandelboxes} mandelboxes, idle:";
        report.Add($"{name} CPU of one core without viewers", without, "%");
        report.Add($"{name} with {Viewers} viewers, more than without", with - without, "%", atMost: 1);
        await Task.WhenAll(Enumerable.Range(0, Mandelboxes).Select(i => service.StopAsync($"bench-{i}")));
    }

    private static async Task<double> WithViewersAsync(ServiceUnderMeasure service)
    {
        using var left = new CancellationTokenSource();
        var viewers = Enumerable.Range(0, Viewers).Select(_ => service.WatchOpsPageAsync(left.Token)).ToList();
        var share = await CpuShareAsync(service);
        await left.CancelAsync();
        await Task.WhenAll(viewers);
        return share;
    }

    private static async Task<double> CpuShareAsync(ServiceUnderMeasure service)
    {
        var (began, cpu) = (Stopwatch.GetTimestamp(), service.CpuTime());
        await Task.Delay(Watched);
        return 100 * (service.CpuTime() - cpu) / Stopwatch.GetElapsedTime(began);
    }
}
