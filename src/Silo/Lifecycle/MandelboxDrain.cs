using HostService.Infrastructure.Linux.Systemd;

namespace HostService.Silo.Lifecycle;

/// <summary>Waits until all mandelboxes have ended by themselves (B30).</summary>
public sealed partial class MandelboxDrain(StatusLine statusLine, TimeProvider timeProvider, ILogger<MandelboxDrain> logger)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMinutes(2);

    /// <param name="stop">Ends the wait; the caller then ends the mandelboxes.</param>
    public async Task RunAsync(IHostGrain host, CancellationToken stop)
    {
        long? reported = null;
        while (!stop.IsCancellationRequested)
        {
            if (await ListAsync(host) is { } left)
            {
                if (left.Count == 0)
                {
                    return;
                }

                var count = left.Count == 1 ? "1 mandelbox" : $"{left.Count} mandelboxes";
                statusLine.SetShutdown($"draining: {count} left");
                if (reported is not { } at || timeProvider.GetElapsedTime(at) >= ReportInterval)
                {
                    reported = timeProvider.GetTimestamp();
                    var names = string.Join(", ", left.Select(m => $"{m.MandelboxId} since {m.CreatedAt:u}"));
                    LogLeft(count, names);
                }
            }

            await Task.Delay(LookInterval, timeProvider, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Those that have not ended. One whose clean-up goes on has no user: the shutdown waits for that later, and not for ever. Null where
    /// the host does not answer: nobody may be cut off for that.
    /// </summary>
    private async Task<IReadOnlyList<MandelboxDescription>?> ListAsync(IHostGrain host)
    {
        try
        {
            return [.. (await host.ListMandelboxes()).Where(m => m.State.IsAlive)];
        }
        catch (Exception exception)
        {
            LogUnknown(exception);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Information, "Draining: {Count} left: {Mandelboxes}")]
    private partial void LogLeft(string count, string mandelboxes);

    [LoggerMessage(LogLevel.Warning, "Draining: the host does not say which mandelboxes are left; asking again")]
    private partial void LogUnknown(Exception exception);
}
