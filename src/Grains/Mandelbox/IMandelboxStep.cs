namespace HostService.Grains.Mandelbox;

/// <summary>
/// One step of a mandelbox's way up, with its way back. <see cref="UndoAsync"/> is called for every step that was begun, also when it failed half-way
/// or was cancelled, and again until it succeeds: it looks at what is there and takes back only what is its own.
/// </summary>
public interface IMandelboxStep
{
    /// <summary>Stable, lower case: callers and operators see it as the phase of a failure.</summary>
    string Name { get; }

    /// <summary>Does it. An expected failure is a result; anything else is an exception.</summary>
    Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken);

    /// <summary>Takes it back; throws when that has to be tried again.</summary>
    Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken);
}

/// <summary>What came of a step.</summary>
public readonly record struct StepResult
{
    private StepResult(string? failure) => Failure = failure;

    /// <summary>Why it failed, for the caller; null when it did not.</summary>
    public string? Failure { get; }

    public static StepResult Done => default;

    public static StepResult Failed(string why) => new(why);
}

/// <summary>A step that has nothing to take back.</summary>
public abstract class StepWithoutUndo : IMandelboxStep
{
    public abstract string Name { get; }

    public abstract Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken);

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken) => Task.CompletedTask;
}
