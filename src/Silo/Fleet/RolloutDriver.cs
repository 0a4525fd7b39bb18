using HostService.GrainInterfaces.Fleet;

namespace HostService.Silo.Fleet;

/// <summary>Has the fleet's rollout go on, also after the silo that had it has died.</summary>
internal sealed partial class RolloutDriver(IGrainFactory grains, TimeProvider timeProvider, ILogger<RolloutDriver> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private string? _told;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, timeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await ContinueAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    private async Task ContinueAsync()
    {
        try
        {
            await grains.GetGrain<IFleetRolloutGrain>(FleetKeys.Fleet).Continue();
            _told = null;
        }
        catch (Exception exception)
        {
            // Once for each cause: it is tried again and again.
            if (_told != exception.Message)
            {
                LogNotContinued(logger, exception.Message);
                _told = exception.Message;
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "A rollout cannot go on, and is tried again: {Why}")]
    private static partial void LogNotContinued(ILogger logger, string why);
}
