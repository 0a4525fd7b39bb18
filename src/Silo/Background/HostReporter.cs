using HostService.Grains;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Metrics;

namespace HostService.Silo.Background;

/// <summary>
/// Reports metrics, GPUs, the firewall, the disk, the heartbeats and the engine's connection to the host's grain, and the grain's state to
/// systemd. The reading happens here, so that it never takes a turn of the grain.
/// </summary>
public sealed class HostReporter(
    IGrainFactory grains,
    HostInfoSource info,
    ContainerEventStream events,
    GpuMonitor gpus,
    MetricsWatch metrics,
    MetricsCache cache,
    DaemonReloadMonitor reloads,
    FirewallMonitor firewall,
    SpinUpProbe spinUps,
    DiskMonitor disk,
    HeartbeatMonitor heartbeats,
    ConsistencyMonitor consistency,
    StatusLine statusLine,
    LagMeter lag,
    TimeProvider timeProvider,
    ILogger<HostReporter> logger) : BackgroundService
{
    private static readonly TimeSpan StatusInterval = TimeSpan.FromSeconds(1);

    private readonly StreamConsumer _consumer = new(timeProvider, logger);

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName));

    /// <summary>For the watchdog: fails when grain calls are not answered.</summary>
    public Task ProveProgressAsync(CancellationToken cancellationToken) =>
        ExecuteTask is null ? Task.CompletedTask : Host.Describe().WaitAsync(cancellationToken);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        _consumer.RunAsync("GPUs", gpus.WatchAsync, statuses => Host.ReportGpus(statuses), stoppingToken),
        _consumer.RunAsync("metrics", metrics.WatchAsync, ReportMetricsAsync, stoppingToken),
        _consumer.RunAsync("firewall", firewall.WatchAsync, reason => Host.SetNotReady("firewall", reason), stoppingToken),
        _consumer.RunAsync("disk", disk.WatchAsync, reason => Host.SetNotReady("disk", reason), stoppingToken),
        reloads.RunAsync(stoppingToken),
        spinUps.RunAsync(stoppingToken),
        consistency.RunAsync(stoppingToken),
        WatchStatusAsync(stoppingToken));

    private Task ReportMetricsAsync(MachineFigures reading)
    {
        cache.Latest = reading;
        return Host.ReportMetrics(reading);
    }

    private async Task WatchStatusAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await _consumer.TryAsync("engine", () => Host.SetNotReady("engine", events.WhyBehind), cancellationToken);
            await _consumer.TryAsync("heartbeats", () => Host.SetNotReady("heartbeat", heartbeats.WhyOld()), cancellationToken);
            await _consumer.TryAsync("status", ReportToSystemdAsync, cancellationToken);
            await lag.DelayAsync(StatusInterval, cancellationToken);
        }
    }

    private async Task ReportToSystemdAsync()
    {
        var host = await Host.Describe();

        // Those that wait for users give way to a spin-up that needs a slot.
        var waiting = host.Waiting?.Free ?? 0;
        var status = $"{host.Mandelboxes} mandelboxes, {host.Slots.Free + waiting} of {host.Slots.Capacity} slots free";
        if (host.Waiting is not null)
        {
            status += $", {waiting} mandelboxes wait for users";
        }

        if (host.NotReady.Count > 0)
        {
            status += $"; not ready: {string.Join("; ", host.NotReady)}";
        }

        statusLine.SetNormal(status);
    }
}
