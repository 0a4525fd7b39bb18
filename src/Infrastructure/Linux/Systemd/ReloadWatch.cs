using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Notices that systemd has loaded its units anew (<c>systemctl daemon-reload</c>, or a package's installation, which does the same).</summary>
public sealed partial class ReloadWatch(ISystemd systemd, IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<ReloadWatch> log)
{
    /// <summary>
    /// Until cancelled, how much time lay between two looks of which the second found a reload; reloads between the same two looks are one. Ends at once where
    /// systemd does not tell. A look that fails is logged, once in a row, and made again.
    /// </summary>
    public async IAsyncEnumerable<TimeSpan> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? last = null;
        var lastAt = timeProvider.GetTimestamp();
        var failed = false;
        while (true)
        {
            var (answered, loadedAt) = await LookAsync(quiet: failed, cancellationToken);
            failed = !answered;
            if (answered && loadedAt is null)
            {
                LogNotTold();
                yield break;
            }

            if (answered)
            {
                var since = timeProvider.GetElapsedTime(lastAt);
                var reloaded = last is not null && last != loadedAt;
                last = loadedAt;
                lastAt = timeProvider.GetTimestamp();
                if (reloaded)
                    yield return since;
            }

            await Task.Delay(options.Value.ReloadCheckInterval, timeProvider, cancellationToken);
        }
    }

    private async Task<(bool Answered, long? LoadedAt)> LookAsync(bool quiet, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await systemd.UnitsLoadedAtAsync(cancellationToken));
        }
        catch (SystemdException e)
        {
            if (!quiet)
                LogNotAsked(e.Message);
            return (false, null);
        }
    }

    [LoggerMessage(LogLevel.Warning, "systemd does not say when it loaded its units: reloads are not noticed")]
    private partial void LogNotTold();

    [LoggerMessage(LogLevel.Warning, "Whether systemd was reloaded is not known for now: {Reason}")]
    private partial void LogNotAsked(string reason);
}
