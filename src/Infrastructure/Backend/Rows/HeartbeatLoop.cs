using HostService.GrainInterfaces;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>
/// B24: tells the database that this host lives, at once and then every 55 to 65 s. It goes on while the host drains and is stopped last.
/// </summary>
public sealed class HeartbeatLoop(IBackendDatabase database, TimeProvider timeProvider, ILogger<HeartbeatLoop> logger) : IAsyncDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(55), TimeSpan.FromSeconds(65), timeProvider);
    private readonly CancellationTokenSource _stop = new();
    private Task? _running;

    /// <param name="figures">Called before each heartbeat, on no particular thread.</param>
    /// <param name="notWanted">Called with the reason after each heartbeat that finds that the webserver no longer wants this host (B23).</param>
    public void Start(string instanceName, Func<MachineFigures> figures, Action<string> notWanted)
    {
        if (_running is not null)
        {
            throw new InvalidOperationException("The heartbeat has been started before.");
        }

        _running = Task.Run(() => _schedule.RunAsync(token => BeatAsync(instanceName, figures, notWanted, token), _stop.Token));
    }

    /// <summary>After this no heartbeat is written. May be repeated, and called when it never started.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await (_running ?? Task.CompletedTask);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task BeatAsync(string instanceName, Func<MachineFigures> figures, Action<string> notWanted, CancellationToken cancellationToken)
    {
        try
        {
            if (await database.HeartbeatAsync(instanceName, Read(figures), cancellationToken) is { } why)
            {
                notWanted(why);
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped in the middle of one: nothing is owed any more.
            return;
        }
        catch (Exception e)
        {
            // Boundary: a failed heartbeat is reported and never ends the service.
            DatabaseLog.HeartbeatFailed(logger, e);
        }
    }

    private MachineFigures Read(Func<MachineFigures> figures)
    {
        try
        {
            return figures();
        }
        catch (Exception e)
        {
            // Boundary: the time matters more to the webserver than the figures do.
            DatabaseLog.NoFigures(logger, e);
            return new MachineFigures { At = timeProvider.GetUtcNow() };
        }
    }
}
