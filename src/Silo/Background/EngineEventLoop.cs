using HostService.Grains.Host;
using HostService.Infrastructure.Docker;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Silo.Background;

/// <summary>Dispatches the engine's events to the mandelboxes; an engine that stays away ends the service (B20).</summary>
public sealed partial class EngineEventLoop(
    ContainerEventStream stream, ContainerEventDispatcher dispatcher, ShutdownSignal shutdown, ILogger<EngineEventLoop> logger)
    : BackgroundService
{
    /// <summary>No event is dispatched after this. Waits for the work that the last events began, until the token is cancelled.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await dispatcher.EndAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await stream.RunAsync(dispatcher, stoppingToken);
        }
        catch (Exception exception)
        {
            // Without its events the host cannot know which mandelboxes live.
            LogLost(exception);
            shutdown.Request(new ShutdownRequest(ShutdownReason.EngineLost, exception.Message, ExitCodes.EngineLost));
        }
    }

    [LoggerMessage(LogLevel.Error, "Docker event stream lost")]
    private partial void LogLost(Exception exception);
}
