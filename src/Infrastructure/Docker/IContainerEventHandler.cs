namespace HostService.Infrastructure.Docker;

/// <summary>
/// Handles container events. Calls come one at a time and in order, so both must return soon: start long work, do not await it. An
/// exception is logged and ends nothing. Each event is delivered once, but the container list may have shown its effect before: handling it
/// twice must be harmless.
/// </summary>
public interface IContainerEventHandler
{
    /// <summary>
    /// The event stream is connected, at the start or after a break. Compare with the list of containers, because events may have been
    /// missed. Repeated soon when it, or the handling of an event, failed.
    /// </summary>
    Task ReconcileAsync(CancellationToken cancellationToken);

    Task OnEventAsync(ContainerEvent happened, CancellationToken cancellationToken);
}

/// <summary>The engine did not answer for <see cref="DockerOptions.GiveUpAfter"/>: the service cannot go on (B20).</summary>
public sealed class ContainerEngineLostException(string message, Exception inner) : Exception(message, inner);
