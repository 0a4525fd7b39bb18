namespace HostService.Grains.Lifecycle;

/// <summary>The result of a step that did not throw.</summary>
public readonly record struct StepResult
{
    private StepResult(string? failure) => Failure = failure;

    /// <summary>Why the step failed, for the caller; null on success.</summary>
    public string? Failure { get; }

    public static StepResult Done => default;

    public static StepResult Failed(string reason) => new(reason);
}

/// <summary>Why a run stopped.</summary>
/// <param name="Step">The step that failed, or <c>cancelled</c> when the run was cancelled between two steps.</param>
/// <param name="Reason">What went wrong, for the caller.</param>
/// <param name="Exception">The exception behind it; null for an expected failure, a timeout and a cancellation.</param>
public sealed record StepFailure(string Step, string Reason, Exception? Exception = null);

/// <summary>An undo that failed and stays registered.</summary>
public sealed record UndoFailure(string Step, Exception Exception);
