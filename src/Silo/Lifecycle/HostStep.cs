using HostService.Grains.Lifecycle;

namespace HostService.Silo.Lifecycle;

/// <summary>A row of <see cref="HostLifecycle"/>, of the start or the shutdown. The latter is due once its stage has begun.</summary>
/// <param name="Name">As the status line and the log show it, after "starting: " or "shutting down: ".</param>
/// <param name="Action">What it does.</param>
/// <param name="IsStop">Whether it belongs to the shutdown.</param>
/// <param name="UndoTimeout">How long a shutdown action may take; null for <see cref="ShutdownOptions.StepTimeout"/>.</param>
public sealed record HostStep(string Name, Func<HostContext, CancellationToken, Task> Action, bool IsStop, TimeSpan? UndoTimeout = null)
    : IStep<HostContext>
{
    public async Task<StepResult> DoAsync(HostContext context, CancellationToken cancellationToken)
    {
        if (!IsStop)
        {
            await Action(context, cancellationToken);
        }

        return StepResult.Done;
    }

    public async Task UndoAsync(HostContext context, CancellationToken cancellationToken)
    {
        if (!IsStop)
        {
            return;
        }

        try
        {
            await Action(context, cancellationToken).WaitAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            // Logged here and not by the caller, because the last steps of the shutdown flush the log.
            context.LogStopFailed(Name, exception);
            throw;
        }
    }
}
