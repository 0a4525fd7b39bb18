using HostService.GrainInterfaces;

namespace HostService.Grains.Mandelbox;

/// <summary>The way up, and the one way down.</summary>
public sealed partial class MandelboxGrain
{
    private MandelboxLife NewLife(SpinUpRequest? request, ProvisioningPlan? plan)
    {
        // An activation with a life is never collected, however quiet it is.
        DelayDeactivation(Timeout.InfiniteTimeSpan);
        return new MandelboxLife(
            new MandelboxRun(Id, request, plans.Root),
            new StepRunner(timeProvider, options.Value.StepTimeout, options.Value.CleanUpTimeout),
            plan,
            timeProvider.GetUtcNow());
    }

    private async Task<SpinUpAnswer> BringUpAsync(MandelboxLife life, ProvisioningPlan plan)
    {
        await TellHostAsync(life);
        var failure = await Climb(life, plan.Stages);
        if (failure is null)
        {
            return SpinUpAnswer.Ready(Access(life));
        }

        LogFailed(Id, failure.Phase, failure.Reason);
        var end = EndAsync(life, failure.Reason);
        await Task.WhenAny(end, Task.Delay(options.Value.AnswerWithin, timeProvider));
        Watch(end, "end");
        return new SpinUpAnswer(null, failure);
    }

    /// <summary>Runs stages until all are done or one fails; the life's end counts as a failure, with its own reason.</summary>
    private Task<SpinUpFailure?> Climb(MandelboxLife life, IReadOnlyList<Stage> stages) => WhilePending(life, RunStagesAsync(life, stages));

    /// <summary>While this runs, giving back waits for it.</summary>
    private static async Task<T> WhilePending<T>(MandelboxLife life, Task<T> work)
    {
        life.Pending.Add(work);
        try
        {
            return await work;
        }
        finally
        {
            life.Pending.Remove(work);
        }
    }

    private async Task<SpinUpFailure?> RunStagesAsync(MandelboxLife life, IReadOnlyList<Stage> stages)
    {
        using var deadline = new CancellationTokenSource(options.Value.SpinUpTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, life.Ending.Token);
        var failure = await life.Runner.RunAsync(stages, life.Run, state => ReachAsync(life, state), either.Token);
        if (life.EndReason is { } reason)
        {
            return new SpinUpFailure(failure?.Phase ?? "ended", reason);
        }

        return failure is not null && deadline.IsCancellationRequested
            ? failure with { Reason = $"the spin-up took longer than {options.Value.SpinUpTimeout.TotalSeconds:0} s; it was in {failure.Phase}" }
            : failure;
    }

    private static MandelboxAccess Access(MandelboxLife life)
    {
        var lease = life.Run.RequiredLease;
        return new MandelboxAccess(
            lease.HostPortFor(MandelboxPorts.Control),
            lease.HostPortFor(MandelboxPorts.Media),
            lease.HostPortFor(MandelboxPorts.Secondary),
            life.Run.AesKey);
    }

    /// <summary>Ends the life and gives everything back; done once, whoever asks and however often. Returns after the first pass.</summary>
    private Task EndAsync(MandelboxLife life, string reason)
    {
        life.EndReason ??= reason;
        return life.TearDown ??= TearDownAsync(life);
    }

    private async Task TearDownAsync(MandelboxLife life)
    {
        // The caller must find TearDown set before anything below can ask for it again.
        await Task.Yield();
        await MoveAsync(life, MandelboxState.Dying);
        await life.Ending.CancelAsync();

        var dying = MarkDyingAsync(life);
        await WhenStillAsync(life);
        var failures = await life.Runner.UndoAsync(life.Run);
        await dying;
        foreach (var failure in failures)
        {
            LogNotUndone(Id, failure.Step, failure.Error.Message, failure.Error);
        }

        if (life.Runner.HasUndo)
        {
            Watch(TryAgainAsync(life), "try again");
        }
        else
        {
            await CompleteAsync(life);
        }
    }

    /// <summary>Waits until no step and no call works on this life any more: what they take must be known before it is given back.</summary>
    private static async Task WhenStillAsync(MandelboxLife life)
    {
        // Their failures are answers that their own callers get.
        await Task.WhenAll([.. life.Pending]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }

    private async Task MarkDyingAsync(MandelboxLife life)
    {
        try
        {
            if (life.Plan is { } plan)
            {
                using var deadline = new CancellationTokenSource(options.Value.CleanUpTimeout, timeProvider);
                await plan.MarkDyingAsync(life.Run, deadline.Token);
            }
        }
        catch (Exception exception)
        {
            // The row says something else than the truth for a moment; that must not keep anything from being given back.
            LogNotUndone(Id, "mark dying", exception.Message, exception);
        }
    }

    /// <summary>Tries what could not be given back again and again, and at once when the engine tells of the container's end.</summary>
    private async Task TryAgainAsync(MandelboxLife life)
    {
        var pause = options.Value.RetryAfter;
        while (life.Runner.HasUndo)
        {
            await Task.WhenAny(Task.Delay(pause, timeProvider), life.TryAgain.Task);
            life.TryAgain = MandelboxLife.NewSignal();
            var failures = await life.Runner.UndoAsync(life.Run);
            foreach (var failure in failures)
            {
                LogStillNotUndone(Id, failure.Step, failure.Error.Message);
            }

            pause = pause * 2 < options.Value.RetryAtMost ? pause * 2 : options.Value.RetryAtMost;
        }

        await CompleteAsync(life);
    }

    private async Task CompleteAsync(MandelboxLife life)
    {
        await MoveAsync(life, MandelboxState.Gone);
        if (_life == life)
        {
            // Not at once: an activation that was told to go takes a life with it that begins in the meantime. It is collected when nobody has asked for a while.
            _life = null;
            if (!_leaving)
            {
                DelayDeactivation(TimeSpan.Zero);
            }
        }
    }

    private Task ReachAsync(MandelboxLife life, MandelboxState state) =>
        // A life that is ending stays so, whatever a step that was under way has achieved.
        life.State.CanBecome(state) && life.EndReason is null ? MoveAsync(life, state) : Task.CompletedTask;

    private Task MoveAsync(MandelboxLife life, MandelboxState next)
    {
        var now = timeProvider.GetUtcNow();
        var spent = now - life.Since;
        LogMoved(Id, life.State, next, (long)spent.TotalMilliseconds, life.EndReason ?? "");
        MandelboxMeter.Moved(life.State, next, spent);
        life.State = next;
        life.Since = now;
        return TellHostAsync(life);
    }

    private async Task TellHostAsync(MandelboxLife life)
    {
        try
        {
            await Host.Report(Describe(life));
        }
        catch (Exception exception)
        {
            // The list that operators see is stale for a moment; the mandelbox itself is not.
            LogHostNotTold(Id, exception);
        }
    }

    private MandelboxDescription Describe(MandelboxLife life) => new()
    {
        MandelboxId = Id,
        State = life.State,
        Since = life.Since,
        CreatedAt = life.CreatedAt,
        AppName = life.Run.Request?.AppName,
        UserId = life.Run.Request?.UserId,
        SessionId = life.Run.Request?.SessionId,
        ContainerId = life.Run.ContainerId,
        Lease = life.Run.Lease,
        Step = life.Runner.Running,
        Adopted = life.Adopted,
        ExpectedContainerId = life.Run.ContainerId is null ? life.ExpectedContainerId : null,
        Warnings = [.. life.Run.Warnings],
    };

    /// <summary>A task that nobody awaits still tells of its failure.</summary>
    private void Watch(Task task, string what) => _ = WatchAsync(task, what);

    private async Task WatchAsync(Task task, string what)
    {
        try
        {
            await task;
        }
        catch (Exception exception)
        {
            // Boundary: a defect, told once; what it may have left is on the ledger.
            LogSurprise(Id, what, exception);
        }
    }
}
