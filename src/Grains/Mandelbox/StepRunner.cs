using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>Steps that do not depend on one another, and the state that a mandelbox has reached once all of them are done.</summary>
public sealed record Stage(MandelboxState? Reached, IReadOnlyList<IMandelboxStep> Steps)
{
    public Stage(MandelboxState? reached, params IMandelboxStep[] steps)
        : this(reached, (IReadOnlyList<IMandelboxStep>)steps)
    {
    }
}

/// <summary>A step could not be taken back.</summary>
public sealed record UndoFailure(string Step, Exception Error);

/// <summary>
/// Runs a plan's stages in order, the steps of one stage side by side, and takes back what was begun in reverse. Holds what is still to be taken
/// back, so that a failed undo is tried again and a successful one is not. Used on one grain's turns.
/// </summary>
public sealed class StepRunner(TimeProvider timeProvider, TimeSpan stepTimeout, TimeSpan undoTimeout)
{
    private readonly List<IMandelboxStep> _begun = [];
    private readonly List<string> _running = [];
    private readonly Lock _gate = new();

    /// <summary>The steps that run now.</summary>
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

    /// <summary>Whether anything is left to take back.</summary>
    public bool HasUndo => _begun.Count > 0;

    /// <summary>Runs until the first failure: null when all stages are done.</summary>
    public async Task<SpinUpFailure?> RunAsync(
        IEnumerable<Stage> stages, MandelboxRun run, Func<MandelboxState, Task> reached, CancellationToken cancellationToken)
    {
        foreach (var stage in stages)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return new SpinUpFailure("cancelled", "ended before it was up");
            }

            // Every step of the stage ends before the verdict: none may still be running when its undo begins.
            var results = await Task.WhenAll(stage.Steps.Select(step => DoAsync(step, run, cancellationToken)));
            var failures = results.OfType<SpinUpFailure>().ToList();
            if (failures.Count > 0)
            {
                return failures.Count == 1
                    ? failures[0]
                    : new SpinUpFailure(failures[0].Phase, string.Join("; ", failures.Select(f => $"{f.Phase}: {f.Reason}")));
            }

            if (stage.Reached is { } state)
            {
                await reached(state);
            }
        }

        return null;
    }

    /// <summary>Owes the way back of a step whose way up somebody else went.</summary>
    public void RegisterUndo(IMandelboxStep step) => _begun.Add(step);

    /// <summary>Takes back everything that was begun, in reverse; every step is tried whatever came of the others. What failed stays for the next call.</summary>
    /// <remarks>Runs on deadlines of its own, one a step: what is being ended may have been cancelled long ago.</remarks>
    public Task<IReadOnlyList<UndoFailure>> UndoAsync(MandelboxRun run) => UndoAsync([.. _begun], run);

    /// <summary>As <see cref="UndoAsync(MandelboxRun)"/>, for one stage only: the rest goes on.</summary>
    public Task<IReadOnlyList<UndoFailure>> UndoAsync(Stage stage, MandelboxRun run) => UndoAsync([.. _begun.Where(stage.Steps.Contains)], run);

    private async Task<IReadOnlyList<UndoFailure>> UndoAsync(IReadOnlyList<IMandelboxStep> steps, MandelboxRun run)
    {
        var failures = new List<UndoFailure>();
        foreach (var step in steps.Reverse())
        {
            using var deadline = new CancellationTokenSource(undoTimeout, timeProvider);
            try
            {
                // A step that does not heed its deadline must not keep the others from theirs.
                await step.UndoAsync(run, deadline.Token).WaitAsync(deadline.Token);
                _begun.Remove(step);
            }
            catch (Exception exception)
            {
                // Whatever it is, the other steps are still owed their turn; the caller reports all of them.
                failures.Add(new UndoFailure(step.Name, exception));
            }
        }

        return failures;
    }

    private async Task<SpinUpFailure?> DoAsync(IMandelboxStep step, MandelboxRun run, CancellationToken cancellationToken)
    {
        _begun.Add(step);
        lock (_gate)
        {
            _running.Add(step.Name);
        }

        using var deadline = new CancellationTokenSource(stepTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var result = await step.DoAsync(run, either.Token);
            return result.Failure is { } why ? new SpinUpFailure(step.Name, why) : null;
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return new SpinUpFailure(
                step.Name,
                deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested
                    ? $"{step.Name} took longer than {stepTimeout.TotalSeconds:0} s"
                    : $"ended during {step.Name}");
        }
        catch (ContainerEngineException exception)
        {
            return new SpinUpFailure(step.Name, exception.Message);
        }
        catch (Exception exception)
        {
            // A surprise: the caller gets the message, the log gets all of it through the failure's own line.
            return new SpinUpFailure(step.Name, $"{step.Name} failed: {exception.Message}");
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(step.Name);
            }
        }
    }
}
