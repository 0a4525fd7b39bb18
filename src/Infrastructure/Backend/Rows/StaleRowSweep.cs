namespace HostService.Infrastructure.Backend.Rows;

/// <summary>
/// Removes stale mandelbox rows every 9.5 to 10.5 s and once more when it is stopped (B25). Also reads the status of the host's own row,
/// so that the host learns sooner than by its heartbeat that the webserver no longer wants it.
/// </summary>
public sealed partial class StaleRowSweep(IBackendDatabase database, TimeProvider timeProvider, ILogger<StaleRowSweep> logger)
    : IAsyncDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(9.5), TimeSpan.FromSeconds(10.5), timeProvider);
    private readonly CancellationTokenSource _stop = new();
    private Func<CancellationToken, Task> _sweep = _ => Task.CompletedTask;
    private Task? _running;
    private bool _failing;

    /// <param name="alive">The ids of this host's mandelboxes, whose rows stay. Where it fails nothing is removed.</param>
    /// <param name="notWanted">Called with the reason each time that the webserver no longer wants this host (B23).</param>
    public void Start(string instanceName, Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive, Action<string> notWanted)
    {
        if (_running is not null)
        {
            throw new InvalidOperationException("The sweep has been started before.");
        }

        _sweep = token => SweepAsync(instanceName, alive, notWanted, token);
        _running = Task.Run(() => _schedule.RunAsync(_sweep, _stop.Token));
    }

    /// <summary>Stops the schedule and sweeps once more. Does nothing when it never started or was stopped before.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_running is not { } running || _stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await running;
        await _sweep(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await (_running ?? Task.CompletedTask);
        _stop.Dispose();
    }

    private async Task SweepAsync(
        string instanceName,
        Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive,
        Action<string> notWanted,
        CancellationToken cancellationToken)
    {
        try
        {
            var count = await database.RemoveStaleMandelboxesAsync(instanceName, alive, cancellationToken);
            if (_failing)
            {
                _failing = false;
                LogSweepWorksAgain();
            }

            if (count > 0)
            {
                LogSwept(count);
            }

            if (await database.WhyNotWantedAsync(instanceName, cancellationToken) is { } why)
            {
                notWanted(why);
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped during a sweep: the last one follows.
            return;
        }
        catch (Exception exception)
        {
            // A failure never ends the schedule. Only the first one is reported: the next try is seconds away.
            if (!_failing)
            {
                _failing = true;
                LogSweepFailed(exception);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "Stale rows could not be removed; retrying every 10 s")]
    private partial void LogSweepFailed(Exception exception);

    [LoggerMessage(LogLevel.Information, "Stale rows can be removed again")]
    private partial void LogSweepWorksAgain();

    [LoggerMessage(LogLevel.Information, "Removed {Count} stale rows: their users never connected")]
    private partial void LogSwept(int count);
}
