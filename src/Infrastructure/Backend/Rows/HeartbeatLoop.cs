namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The heartbeat to the database: at once, then every 55 to 65 s (B24), also while the host drains. Stopped last.</summary>
public sealed partial class HeartbeatLoop(IBackendDatabase database, TimeProvider timeProvider, ILogger<HeartbeatLoop> logger)
    : IAsyncDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(55), TimeSpan.FromSeconds(65), timeProvider);
    private readonly CancellationTokenSource _stop = new();
    private readonly HeartbeatAge _age = new(timeProvider);
    private Task? _running;

    /// <summary>Since the last heartbeat that the database took, or since the start; null while none are sent.</summary>
    public TimeSpan? SinceAccepted => _age.Current;

    /// <param name="figures">Called before each heartbeat, on a pool thread.</param>
    /// <param name="notWanted">
    /// Called with the reason after each heartbeat that finds that the webserver no longer wants this host (B23).
    /// </param>
    public void Start(string instanceName, Func<MachineFigures> figures, Action<string> notWanted)
    {
        if (_running is not null)
        {
            throw new InvalidOperationException("The heartbeat has been started before.");
        }

        _age.Reset();
        _running = Task.Run(() => _schedule.RunAsync(token => BeatAsync(instanceName, figures, notWanted, token), _stop.Token));
    }

    /// <summary>No heartbeat follows. May be repeated, and called when it never started.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await (_running ?? Task.CompletedTask);
        _age.Stop();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task BeatAsync(
        string instanceName, Func<MachineFigures> figures, Action<string> notWanted, CancellationToken cancellationToken)
    {
        try
        {
            var notWantedBecause = await database.HeartbeatAsync(instanceName, Read(figures), cancellationToken);
            _age.Reset();
            if (notWantedBecause is { } why)
            {
                notWanted(why);
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped during a heartbeat.
            return;
        }
        catch (Exception exception)
        {
            // A failed heartbeat is reported and never ends the service.
            LogHeartbeatFailed(exception);
        }
    }

    private MachineFigures Read(Func<MachineFigures> figures)
    {
        try
        {
            return figures();
        }
        catch (Exception exception)
        {
            // The time matters more to the webserver than the figures do.
            LogNoFigures(exception);
            return new MachineFigures { At = timeProvider.GetUtcNow() };
        }
    }

    [LoggerMessage(LogLevel.Error, "Heartbeat to the database failed")]
    private partial void LogHeartbeatFailed(Exception exception);

    [LoggerMessage(LogLevel.Warning, "The figures for the heartbeat could not be read; it is sent without them")]
    private partial void LogNoFigures(Exception exception);
}
