namespace HostService.Grains.Lifecycle;

/// <summary>
/// One step of a life, with its undo. <see cref="UndoAsync"/> is called for every step that was begun, also when it failed half-way or was
/// cancelled, and again until it succeeds: it looks at the real state and removes only what this step made.
/// </summary>
/// <typeparam name="TContext">What the steps of one life share.</typeparam>
public interface IStep<in TContext>
{
    /// <summary>Stable, lower case: callers, operators and metrics see it as the phase of a failure.</summary>
    string Name { get; }

    /// <summary>Whether timeline, traces and metrics have it; false for a step that only records what other steps have done.</summary>
    bool IsShown => true;

    /// <summary>The longest that <see cref="DoAsync"/> may take; null for the runner's default.</summary>
    TimeSpan? Timeout => null;

    /// <summary>The longest that one <see cref="UndoAsync"/> may take; null for the runner's default.</summary>
    TimeSpan? UndoTimeout => null;

    /// <summary>Does the step. An expected failure is a result; anything else is an exception.</summary>
    Task<StepResult> DoAsync(TContext context, CancellationToken cancellationToken);

    /// <summary>Undoes the step; throws when it has to be tried again.</summary>
    Task UndoAsync(TContext context, CancellationToken cancellationToken) => Task.CompletedTask;
}
