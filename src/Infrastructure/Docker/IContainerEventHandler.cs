namespace HostService.Infrastructure.Docker;

/// <summary>
/// Who wants to know what happens to containers. Calls come one at a time and in order, so both must return soon: what takes long is only begun. An
/// exception is logged and ends nothing. The same event is told once, but what it says may be known already from the list: hear it twice without harm.
/// </summary>
public interface IContainerEventHandler
{
    /// <summary>
    /// The engine answers and events from now on will be told: after the start, and after every break. What happened meanwhile may not be told by events:
    /// compare with the list of containers. Called again soon when it, or the telling of an event, failed.
    /// </summary>
    Task ReconcileAsync(CancellationToken cancellationToken);

    /// <summary>Something happened.</summary>
    Task OnEventAsync(ContainerEvent happened, CancellationToken cancellationToken);
}

/// <summary>The engine stayed away for <see cref="DockerOptions.GiveUpAfter"/>: the service cannot go on (B20).</summary>
public sealed class ContainerEngineLostException(string message, Exception inner) : Exception(message, inner);
