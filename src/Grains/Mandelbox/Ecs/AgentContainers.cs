using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Ecs;

/// <summary>Removes ended containers that the ECS agent has left behind (B19).</summary>
public sealed partial class AgentContainers(
    IContainerEngine engine, IOptions<MandelboxOptions> options, TimeProvider timeProvider, ILogger<AgentContainers> logger) : IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Removes the container after <see cref="MandelboxOptions.AgentCleanUpTimeout"/>, if it is there and does not run.</summary>
    /// <remarks>Not on the caller's scheduler: a grain may be deactivated long before.</remarks>
    public void RemoveLater(string containerId) => _ = Task.Run(() => RemoveAsync(containerId));

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task RemoveAsync(string containerId)
    {
        var stopping = _stop.Token;
        try
        {
            await Task.Delay(options.Value.AgentCleanUpTimeout, timeProvider, stopping);
            if (await engine.InspectAsync(containerId, stopping) is { Running: false })
            {
                LogLeft(containerId, options.Value.AgentCleanUpTimeout);
                await engine.RemoveAsync(containerId, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The service ends first; the agent removes its container.
        }
        catch (Exception exception)
        {
            // Nobody awaits this.
            LogNotRemoved(containerId, exception.Message, exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Container {ContainerId} ended {After} ago and the ECS agent has not removed it: removing it")]
    private partial void LogLeft(string containerId, TimeSpan after);

    [LoggerMessage(LogLevel.Warning, "Container {ContainerId} of the ECS agent could not be removed: {Reason}")]
    private partial void LogNotRemoved(string containerId, string reason, Exception exception);
}
