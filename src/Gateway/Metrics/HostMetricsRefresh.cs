using Microsoft.Extensions.Hosting;

namespace HostService.Gateway.Metrics;

/// <summary>Refreshes <see cref="HostMetrics"/> twice in each of OpenTelemetry's export periods of a minute.</summary>
internal sealed class HostMetricsRefresh(IRefreshedMetrics metrics, TimeProvider timeProvider) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, timeProvider);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await metrics.RefreshAsync();
        }
    }
}
