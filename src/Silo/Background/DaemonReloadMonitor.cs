using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Shutdown;

namespace HostService.Silo.Background;

/// <summary>
/// Tells of reloads of systemd that may have taken the GPUs from mandelboxes. Nothing can be given back to a container that runs: whoever reads it ends the
/// mandelbox, and makes the engine independent of reloads.
/// </summary>
public sealed partial class DaemonReloadMonitor(IGrainFactory grains, HostInfoSource facts, StartedParts started, ReloadWatch watch, ILogger<DaemonReloadMonitor> logger)
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Counter<long> Reloads =
        Meter.CreateCounter<long>("host_service.gpu.reloads", description: "Reloads of systemd that may have taken the GPUs from mandelboxes.");

    /// <summary>Until cancelled; returns at once where reloads do no harm.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!started.ReloadsTakeGpus)
        {
            return;
        }

        try
        {
            await foreach (var within in watch.WatchAsync(cancellationToken))
            {
                await TellAsync(within);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    private async Task TellAsync(TimeSpan within)
    {
        var held = (await MandelboxesAsync()).Where(m => m.ContainerId is not null && m.Lease is { GpuIndex: >= 0 }).Select(m => m.MandelboxId).Order(StringComparer.Ordinal).ToList();
        if (held.Count > 0)
        {
            Reloads.Add(1);
            LogReloaded((long)Math.Ceiling(within.TotalSeconds), string.Join(", ", held));
        }
    }

    private async Task<IReadOnlyList<MandelboxDescription>> MandelboxesAsync()
    {
        try
        {
            return await grains.GetGrain<IHostGrain>(HostKeys.Host(facts.Current.Identity.InstanceName)).ListMandelboxes();
        }
        catch (Exception exception)
        {
            // Boundary: one reload that cannot be told of is reported, the next one may be.
            LogNotTold(exception.Message, exception);
            return [];
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "systemd was reloaded within the last {Seconds} s: these mandelboxes may have lost their GPU: {MandelboxIds}")]
    private partial void LogReloaded(long seconds, string mandelboxIds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "systemd was reloaded, and which mandelboxes may have lost their GPU is not known: {Why}")]
    private partial void LogNotTold(string why, Exception exception);
}
