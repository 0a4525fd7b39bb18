using System.Runtime.CompilerServices;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Detects that systemd has reloaded its units: <c>systemctl daemon-reload</c>, or the installation of a package.</summary>
public sealed partial class ReloadWatch(
    ISystemd systemd, IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<ReloadWatch> logger)
{
    /// <summary>
    /// Yields for each detected reload the time between the check that found it and the one before; several reloads between two checks
    /// count as one. Runs until cancelled, or ends at once where systemd does not tell. A failed check is repeated; only the first in a row
    /// is logged.
    /// </summary>
    public async IAsyncEnumerable<TimeSpan> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? last = null;
        var lastAt = timeProvider.GetTimestamp();
        var failed = false;
        while (true)
        {
            var (answered, loadedAt) = await CheckAsync(quiet: failed, cancellationToken);
            failed = !answered;
            if (answered && loadedAt is null)
            {
                LogUnknown();
                yield break;
            }

            if (answered)
            {
                var since = timeProvider.GetElapsedTime(lastAt);
                var reloaded = last is not null && last != loadedAt;
                last = loadedAt;
                lastAt = timeProvider.GetTimestamp();
                if (reloaded)
                {
                    yield return since;
                }
            }

            await Task.Delay(options.Value.ReloadCheckInterval, timeProvider, cancellationToken);
        }
    }

    private async Task<(bool Answered, long? LoadedAt)> CheckAsync(bool quiet, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await systemd.UnitsLoadedAtAsync(cancellationToken));
        }
        catch (SystemdException e)
        {
            if (!quiet)
            {
                LogCheckFailed(e.Message);
            }

            return (false, null);
        }
    }

    [LoggerMessage(LogLevel.Warning, "systemd does not tell when it loaded its units: reloads are not detected")]
    private partial void LogUnknown();

    [LoggerMessage(LogLevel.Warning, "Cannot check whether systemd was reloaded: {Reason}")]
    private partial void LogCheckFailed(string reason);
}
