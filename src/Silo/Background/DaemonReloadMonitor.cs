using System.Diagnostics.Metrics;
using HostService.Grains;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Startup;

namespace HostService.Silo.Background;

/// <summary>
/// Reports reloads of systemd that may have taken the GPUs from running mandelboxes. A running container cannot be given its devices again:
/// the operator ends the mandelbox, and makes the engine independent of reloads.
/// </summary>
public sealed partial class DaemonReloadMonitor(
    IGrainFactory grains,
    HostInfoSource info,
    HostCapabilities capabilities,
    IOptions<HostOptions> host,
    ReloadWatch watch,
    IMeterFactory meters,
    ILogger<DaemonReloadMonitor> logger)
{
    private readonly CounterFromZero _reloads = new(
        meters.Create("HostService.Gpu"),
        "host_service.gpu.reloads",
        "Reloads of systemd that may have taken the GPUs from mandelboxes.");

    /// <summary>Runs until cancelled; returns at once where reloads do no harm or Host:ManageSystem is false.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!capabilities.ReloadsTakeGpus || !host.Value.ManageSystem)
        {
            return;
        }

        try
        {
            await foreach (var interval in watch.WatchAsync(cancellationToken))
            {
                await ReportAsync(interval);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    private async Task ReportAsync(TimeSpan interval)
    {
        var affected = (await MandelboxesAsync())
            .Where(m => m.ContainerId is not null && m.Lease is { GpuIndex: >= 0 })
            .Select(m => m.MandelboxId)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (affected.Count > 0)
        {
            _reloads.Add();
            LogReloaded((long)Math.Ceiling(interval.TotalSeconds), string.Join(", ", affected));
        }
    }

    private async Task<IReadOnlyList<MandelboxDescription>> MandelboxesAsync()
    {
        try
        {
            return await grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName)).ListMandelboxes();
        }
        catch (Exception exception)
        {
            // One report that fails must not end the watch.
            LogListFailed(exception.Message, exception);
            return [];
        }
    }

    [LoggerMessage(
        LogLevel.Warning, "systemd was reloaded within the last {Seconds} s: these mandelboxes may have lost their GPU: {MandelboxIds}")]
    private partial void LogReloaded(long seconds, string mandelboxIds);

    [LoggerMessage(LogLevel.Warning, "systemd was reloaded; which mandelboxes may have lost their GPU is not known: {Reason}")]
    private partial void LogListFailed(string reason, Exception exception);
}
