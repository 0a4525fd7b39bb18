using System.Diagnostics;

namespace HostService.Grains.Lifecycle;

/// <summary>
/// Runs the stages of a life in order, the steps of one stage in parallel, and undoes in reverse order what was begun, from wherever the
/// run stopped. It keeps the list of what is still to be undone: a failed undo is tried again by the next call, a successful one is not.
/// One caller at a time; <see cref="Running"/> may be read from any thread.
/// </summary>
/// <param name="context">What the steps share.</param>
/// <param name="timeProvider">The clock of the timeouts.</param>
/// <param name="timeout">The longest that a step without a timeout of its own may take.</param>
/// <param name="undoTimeout">The longest that one undo without a timeout of its own may take.</param>
/// <param name="onStep">Called before each step and each undo, with <see langword="true"/> for an undo.</param>
/// <param name="timeline">Where given, each step and each undo is recorded in it, and measured.</param>
public sealed class StepRunner<TContext>(
    TContext context,
    TimeProvider timeProvider,
    TimeSpan timeout,
    TimeSpan undoTimeout,
    Action<IStep<TContext>, bool>? onStep = null,
    StepTimeline? timeline = null)
{
    private readonly List<IStep<TContext>> _begun = [];
    private readonly List<string> _running = [];
    private readonly Lock _gate = new();

    /// <summary>The names of the steps that run now; null when none does.</summary>
    public string? Running
    {
        get
        {
            lock (_gate)
            {
                return _running.Count == 0 ? null : string.Join(", ", _running);
            }
        }
    }

    public bool HasUndo => _begun.Count > 0;

    /// <summary>The names of the steps that are still to be undone, in that order.</summary>
    public IEnumerable<string> ToUndo => _begun.AsEnumerable().Reverse().Select(step => step.Name);

    /// <summary>Runs until the first failure.</summary>
    /// <returns>Null when all stages are done.</returns>
    public async Task<StepFailure?> RunAsync(IEnumerable<Stage<TContext>> stages, CancellationToken cancellationToken)
    {
        foreach (var stage in stages)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return new StepFailure(SpinUpPhases.Cancelled, "cancelled between two steps");
            }

            if (stage.Steps is [var only])
            {
                if (await DoAsync(only, cancellationToken) is { } failure)
                {
                    return failure;
                }

                continue;
            }

            // All steps of the stage end before the result: none may still be running when its undo begins.
            var results = await Task.WhenAll(stage.Steps.Select(step => DoAsync(step, cancellationToken)));
            var failures = results.OfType<StepFailure>().ToList();
            if (failures.Count > 0)
            {
                return failures.Count == 1
                    ? failures[0]
                    : failures[0] with { Reason = string.Join("; ", failures.Select(f => $"{f.Step}: {f.Reason}")) };
            }
        }

        return null;
    }

    /// <summary>Registers the undo of a step that was done elsewhere.</summary>
    public void RegisterUndo(IStep<TContext> step) => _begun.Add(step);

    /// <summary>Leaves the undo of some steps to another life.</summary>
    public void ForgetUndo(Func<IStep<TContext>, bool> isLeft) => _begun.RemoveAll(step => isLeft(step));

    /// <summary>Undoes everything that was begun, in reverse order; each step is tried, whatever happened to the others.</summary>
    /// <returns>The steps that failed; they stay registered for the next call.</returns>
    /// <remarks>Each undo has its own timeout and no other token: the life that ends here may have been cancelled long ago.</remarks>
    public Task<IReadOnlyList<UndoFailure>> UndoAsync() => UndoStepsAsync([.. _begun]);

    /// <summary>As <see cref="UndoAsync()"/>, for the steps of some stages only.</summary>
    public Task<IReadOnlyList<UndoFailure>> UndoAsync(params IReadOnlyList<Stage<TContext>> stages) =>
        UndoStepsAsync([.. _begun.Where(step => stages.Any(stage => stage.Steps.Contains(step)))]);

    private async Task<IReadOnlyList<UndoFailure>> UndoStepsAsync(IReadOnlyList<IStep<TContext>> steps)
    {
        var failures = new List<UndoFailure>();
        foreach (var step in steps.Reverse())
        {
            onStep?.Invoke(step, true);
            using var activity = step.IsShown ? LifecycleActivity.StartStep($"undo {step.Name}") : null;
            var limit = step.UndoTimeout ?? undoTimeout;
            using var late = new CancellationTokenSource(limit, timeProvider);
            var began = Begin(step, undo: true);
            Exception? failure = null;
            try
            {
                // A step that ignores its token must not take the time of the others.
                await step.UndoAsync(context, late.Token).WaitAsync(late.Token);
                _begun.Remove(step);
            }
            catch (Exception exception)
            {
                // The other steps must run whatever happened to this one; the caller reports every failure.
                var reason = exception is OperationCanceledException && late.IsCancellationRequested
                    ? new TimeoutException($"it took longer than {limit.TotalSeconds:0} s", exception)
                    : exception;
                activity?.SetStatus(ActivityStatusCode.Error, reason.Message);
                failures.Add(new UndoFailure(step.Name, reason));
                failure = reason;
            }

            End(step, undo: true, began, failure?.Message, failure is null ? null : StepMeter.Of(failure));
        }

        return failures;
    }

    private async Task<StepFailure?> DoAsync(IStep<TContext> step, CancellationToken cancellationToken)
    {
        _begun.Add(step);
        lock (_gate)
        {
            _running.Add(step.Name);
        }

        onStep?.Invoke(step, false);
        var limit = step.Timeout ?? timeout;
        using var activity = step.IsShown ? LifecycleActivity.StartStep(step.Name) : null;
        using var late = new CancellationTokenSource(limit, timeProvider);
        using var cancelled = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), late);
        var began = Begin(step, undo: false);
        StepFailure? failure = null;
        StepFault? fault = null;
        try
        {
            var result = await step.DoAsync(context, late.Token);
            if (result.Failure is { } why)
            {
                (failure, fault) = (new StepFailure(step.Name, why), StepFault.Refused);
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            fault = cancellationToken.IsCancellationRequested ? StepFault.Cancelled : StepFault.Timeout;
            failure = new StepFailure(
                step.Name,
                cancellationToken.IsCancellationRequested
                    ? $"cancelled during {step.Name}"
                    : $"{step.Name} took longer than {limit.TotalSeconds:0} s");
        }
        catch (Exception exception)
        {
            (failure, fault) = (new StepFailure(step.Name, exception.Message, exception), StepMeter.Of(exception));
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(step.Name);
            }
        }

        if (failure is not null)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Reason);
        }

        End(step, undo: false, began, failure?.Reason, fault);
        return failure;
    }

    private long Begin(IStep<TContext> step, bool undo) => timeline is not null && step.IsShown ? timeline.Begin(step.Name, undo) : 0;

    private void End(IStep<TContext> step, bool undo, long began, string? failure, StepFault? fault)
    {
        if (timeline is not null && step.IsShown)
        {
            timeline.End(step.Name, undo, began, failure);
            StepMeter.Ended(step.Name, undo, timeProvider.GetElapsedTime(began), fault);
        }
    }
}
