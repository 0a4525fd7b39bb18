namespace HostService.Grains.Mandelbox;

/// <summary>The state of one mandelbox. <see cref="MoveToAsync"/> is the only method that changes it.</summary>
public sealed partial class MandelboxStateMachine(string mandelboxId, TimeProvider timeProvider, ILogger logger)
{
    private readonly List<MandelboxPhase> _phases = [new(MandelboxState.Allocated, timeProvider.GetUtcNow())];
    private long _movedAt = timeProvider.GetTimestamp();

    public MandelboxState Current => _phases[^1].State;

    public DateTimeOffset CreatedAt => _phases[0].Since;

    /// <summary>When <see cref="Current"/> was reached.</summary>
    public DateTimeOffset Since => _phases[^1].Since;

    /// <summary>Why the mandelbox is ending; null while it is not.</summary>
    public string? EndReason { get; private set; }

    /// <summary>The kind of <see cref="EndReason"/>.</summary>
    public EndCause? EndCause { get; private set; }

    /// <summary>The states reached so far, the first one first.</summary>
    public IReadOnlyList<MandelboxPhase> Phases => _phases;

    /// <summary>Whether it can still serve its user. False as soon as its end has been decided.</summary>
    public bool IsAlive => Current.IsAlive && EndReason is null;

    /// <summary>Called after each move.</summary>
    public Func<Task> Moved { get; set; } = () => Task.CompletedTask;

    /// <summary>Decides the end. The first reason counts.</summary>
    public void BeginEnd(EndCause cause, string reason)
    {
        EndCause ??= cause;
        EndReason ??= reason;
    }

    /// <summary>The states reached so far, and one that it is about to reach.</summary>
    public IReadOnlyList<MandelboxPhase> PhasesWith(MandelboxState next) => [.. _phases, new(next, timeProvider.GetUtcNow())];

    /// <summary>Moves on. A mandelbox that is ending drops moves that keep it alive: a step that was running may still succeed.</summary>
    /// <param name="next">The state to move to.</param>
    /// <param name="earlier">
    /// The states that it reached in an earlier run, and when: instead of those of this run, if they end with <paramref name="next"/>.
    /// </param>
    /// <exception cref="InvalidOperationException"><see cref="MandelboxStates"/> forbids the move.</exception>
    public Task MoveToAsync(MandelboxState next, IReadOnlyList<MandelboxPhase>? earlier = null)
    {
        if (EndReason is not null && next.IsAlive)
        {
            return Task.CompletedTask;
        }

        var previous = Current;
        if (!previous.CanBecome(next))
        {
            LogRefused(mandelboxId, previous, next);
            MandelboxMeter.Refused(previous, next);
            throw new InvalidOperationException($"Mandelbox {mandelboxId} cannot move from {previous} to {next}.");
        }

        var spent = timeProvider.GetElapsedTime(_movedAt);
        if (earlier is [.., { State: var last }] && last == next)
        {
            _phases.Clear();
            _phases.AddRange(earlier);
        }
        else
        {
            _phases.Add(new MandelboxPhase(next, timeProvider.GetUtcNow()));
        }

        _movedAt = timeProvider.GetTimestamp();
        LogMoved(mandelboxId, previous, next, (long)spent.TotalMilliseconds);
        MandelboxMeter.Moved(previous, next, spent);
        if (next == MandelboxState.Gone && EndCause is { } cause)
        {
            MandelboxMeter.Ended(cause);
        }

        return Moved();
    }

    [LoggerMessage(LogLevel.Debug, "Mandelbox {MandelboxId}: {From} -> {To} after {Milliseconds} ms")]
    private partial void LogMoved(string mandelboxId, MandelboxState from, MandelboxState to, long milliseconds);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: refused to move from {From} to {To}")]
    private partial void LogRefused(string mandelboxId, MandelboxState from, MandelboxState to);
}
