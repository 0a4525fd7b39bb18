using System.Runtime.CompilerServices;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Infrastructure.Files;

namespace HostService.Silo.Background;

/// <summary>Ends mandelboxes that take too much of the disk, and removes old logs.</summary>
public sealed partial class DiskMonitor(
    IGrainFactory grains,
    HostInfoSource info,
    DiskQuotas quotas,
    IOptions<DiskOptions> options,
    TimeProvider timeProvider,
    ILogger<DiskMonitor> logger)
{
    /// <summary>A check reads every directory of every mandelbox. It takes at most a twentieth of a core, however large they are.</summary>
    private const int PauseTimesDuration = 20;

    /// <summary>Checks until cancelled. After each check yields why the host is not ready, or null.</summary>
    public async IAsyncEnumerable<string?> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var host = grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName));
        var pause = options.Value.CheckInterval;
        while (true)
        {
            await Task.Delay(pause, timeProvider, cancellationToken);
            var began = timeProvider.GetTimestamp();
            foreach (var mandelbox in (await host.ListMandelboxes()).Where(m => m.State.IsAlive))
            {
                if (quotas.Excess(mandelbox.MandelboxId) is { } excess)
                {
                    LogExcess(mandelbox.MandelboxId, excess);

                    // Its answer waits for the end, which must not keep the others from being checked. The next check asks again.
                    grains.GetGrain<IMandelboxGrain>(mandelbox.MandelboxId).Stop(excess, EndCause.QuotaExceeded).Ignore();
                }
            }

            await quotas.RemoveOldLogsAsync([.. (await host.ListMandelboxes()).Select(m => m.MandelboxId)], cancellationToken);
            var longest = timeProvider.GetElapsedTime(began) * PauseTimesDuration;
            pause = longest > options.Value.CheckInterval ? longest : options.Value.CheckInterval;
            yield return quotas.WhyNoRoom();
        }
    }

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId} is ended: {Reason}")]
    private partial void LogExcess(string mandelboxId, string reason);
}
