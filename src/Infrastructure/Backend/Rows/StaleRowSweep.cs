using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>
/// B25: removes the rows of mandelboxes that nobody came for, every 9.5 to 10.5 s and once when it is stopped. Looks at the host's own row on the way: the
/// heartbeat would see a minute later that the webserver no longer wants this host.
/// </summary>
public sealed class StaleRowSweep(IBackendDatabase database, TimeProvider timeProvider, ILogger<StaleRowSweep> logger) : IAsyncDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(9.5), TimeSpan.FromSeconds(10.5), timeProvider);
    private readonly CancellationTokenSource _stop = new();
    private string? _instanceName;
    private Action<string> _notWanted = _ => { };
    private Task? _running;
    private bool _failing;

    /// <param name="notWanted">Called with the reason each time that the host's row says that the webserver no longer wants this host (B23).</param>
    public void Start(string instanceName, Action<string> notWanted)
    {
        if (_running is not null)
        {
            throw new InvalidOperationException("The sweep has been started before.");
        }

        _instanceName = instanceName;
        _notWanted = notWanted;
        _running = Task.Run(() => _schedule.RunAsync(SweepAsync, _stop.Token));
    }

    /// <summary>Stops the schedule and sweeps once more. A second call, and one that was never started, does nothing.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_running is not { } running || _stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await running;
        await SweepAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await (_running ?? Task.CompletedTask);
        _stop.Dispose();
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        try
        {
            var count = await database.RemoveStaleMandelboxesAsync(_instanceName!, cancellationToken);
            if (_failing)
            {
                _failing = false;
                DatabaseLog.SweepWorksAgain(logger);
            }

            if (count > 0)
            {
                DatabaseLog.Swept(logger, count);
            }

            if (await database.WhyNotWantedAsync(_instanceName!, cancellationToken) is { } why)
            {
                _notWanted(why);
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped in the middle of one: the last sweep follows.
            return;
        }
        catch (Exception e)
        {
            // Boundary: reported when it begins, as the next try is seconds away, and never the end of the schedule.
            if (!_failing)
            {
                _failing = true;
                DatabaseLog.SweepFailed(logger, e);
            }
        }
    }
}
