using System.Diagnostics;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using Stage = HostService.Grains.Lifecycle.Stage<HostService.Grains.Mandelbox.MandelboxContext>;

namespace HostService.Grains.Mandelbox;

/// <summary>The spin-up, and the one way in which a mandelbox ends.</summary>
public sealed partial class MandelboxGrain
{
    private const int StartRetries = 2;

    /// <summary>Of a container whose first process was ended by KILL.</summary>
    private const int KilledExitCode = 137;

    /// <summary>In the event of a container whose shim has died; an inspection has the true one. An app may end with it, too.</summary>
    private const int UnknownExitCode = 255;

    /// <summary>How long an end waits to learn its cause: a busy engine must not delay it for longer.</summary>
    private static readonly TimeSpan CauseTimeout = TimeSpan.FromSeconds(2);

    private MandelboxContext BeginLife(SpinUpRequest? request, string? aesKey = null)
    {
        // An activation with a mandelbox is never collected, however idle it is.
        DelayDeactivation(Timeout.InfiniteTimeSpan);
        var context = new MandelboxContext(Id, request, hostOptions.Value.Root, options.Value, timeProvider, logger, aesKey);
        context.State.Moved = () =>
        {
            if (context.State.Current == MandelboxState.Gone)
            {
                return ReportGoneAsync(context);
            }

            MandelboxLog.OnMoved(logger, context);
            return ReportAsync(context);
        };
        return context;
    }

    /// <summary>The log says so last: whoever has read it finds a host without the mandelbox.</summary>
    private async Task ReportGoneAsync(MandelboxContext context)
    {
        await ReportAsync(context);
        MandelboxLog.OnMoved(logger, context);
    }

    private async Task<SpinUpAnswer> SpinUpAsync(MandelboxContext context, SpinUpPlan plan)
    {
        using var activity = LifecycleActivity.StartTrace("spin up", Id);
        var began = timeProvider.GetTimestamp();
        await ReportAsync(context);
        if (await context.Tasks.TrackAsync(RunAsync(context, token => RunPlanAsync(context, plan, token))) is not { } failure)
        {
            MandelboxMeter.SpunUp(SpinUpResult.Ready, WayOf(context), timeProvider.GetElapsedTime(began));
            await ReportSpinUpAsync(null);
            return SpinUpAnswer.Ready(context.Access);
        }

        // An end that somebody asked for is no fault of the host; a container that ended by itself is.
        var isEnded = context.State.EndReason is not null && !context.Container.HasDied;
        var result = isEnded ? SpinUpResult.Ended : SpinUpFaults.IsHosts(failure) ? SpinUpResult.Failed : SpinUpResult.Refused;
        if (result == SpinUpResult.Failed)
        {
            await ReportSpinUpAsync(new SpinUpFailure(failure.Step, failure.Reason));
        }

        activity?.SetStatus(ActivityStatusCode.Error, failure.Reason);
        LogSpinUpFailed(Id, failure.Step, failure.Reason, failure.Exception);
        await EndFailedAsync(context, failure);
        MandelboxMeter.SpunUp(result, WayOf(context), timeProvider.GetElapsedTime(began));
        return SpinUpAnswer.Failed(failure.Step, failure.Reason);
    }

    private static SpinUpWay WayOf(MandelboxContext context) =>
        context is { FoundWaiting: true, StartsCold: false } ? SpinUpWay.Warm
        : (context.Lease ?? context.FormerLease)?.Sandbox is not null ? SpinUpWay.Sandbox
        : SpinUpWay.Cold;

    private Task EndFailedAsync(MandelboxContext context, StepFailure failure)
    {
        // Somebody may have ended it in the middle of a step, which did not fail then.
        context.FailedStep = context.State.EndReason is null ? failure.Step : null;
        return EndAsync(context, EndCause.StartFailed, failure.Reason, options.Value.AnswerTimeout);
    }

    private async Task<StepFailure?> RunPlanAsync(MandelboxContext context, SpinUpPlan plan, CancellationToken cancellationToken)
    {
        if (await context.Steps.RunAsync(plan.Preparation, cancellationToken) is { } refusal)
        {
            return refusal;
        }

        if (context.Waiting is not null)
        {
            context.FoundWaiting = true;
            if (await context.Steps.RunAsync(plan.Adoption, cancellationToken) is not { } failed)
            {
                return await context.Steps.RunAsync([.. plan.BesideStart, .. plan.AfterStart], cancellationToken);
            }

            LogNotAdopted(Id, failed.Reason);
            (context.StartsCold, context.Container.IsGivenUp) = (true, true);
            if (await context.Steps.UndoAsync([.. plan.Adoption, .. plan.LeaseToStart]) is { Count: > 0 }
                || cancellationToken.IsCancellationRequested)
            {
                // The end of the mandelbox retries the undo.
                return failed;
            }

            (context.Container.Id, context.Container.IsGivenUp) = (null, false);
        }

        // A start that is retried with another lease must not get that of one that waits.
        context.StartsCold = true;
        using var start = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var beside = context.Steps.RunAsync(plan.BesideStart, start.Token);
        var failure = await StartAsync(context, plan, cancellationToken);
        if (failure is not null)
        {
            await start.CancelAsync();
        }

        // None may still be running when its undo begins.
        var besideFailure = await beside;
        return failure ?? besideFailure ?? await context.Steps.RunAsync(plan.AfterStart, cancellationToken);
    }

    private async Task<StepFailure?> StartAsync(MandelboxContext context, SpinUpPlan plan, CancellationToken cancellationToken)
    {
        var failure = await context.Steps.RunAsync(plan.LeaseToStart, cancellationToken);
        for (var retries = 0; retries < StartRetries && StartContainer.CanRetry(failure); retries++)
        {
            LogStartRetried(Id, failure.Reason);
            if (await context.Steps.UndoAsync(plan.LeaseToStart) is { Count: > 0 })
            {
                // The end of the mandelbox retries the undo.
                return failure;
            }

            failure = await context.Steps.RunAsync(plan.LeaseToStart, cancellationToken);
        }

        return failure;
    }

    private Task<StepFailure?> RunStagesAsync(MandelboxContext context, IReadOnlyList<Stage> stages) =>
        RunAsync(context, token => context.Steps.RunAsync(stages, token));

    /// <summary>Runs steps within the timeout of a spin-up. When the mandelbox is ended meanwhile, the reason is that of its end.</summary>
    private async Task<StepFailure?> RunAsync(MandelboxContext context, Func<CancellationToken, Task<StepFailure?>> run)
    {
        var timeout = options.Value.SpinUpTimeout;
        using var late = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, context.Tasks.Ending.Token);
        var failure = await run(either.Token);
        if (context.State.EndReason is { } reason)
        {
            return new StepFailure(failure?.Step ?? SpinUpPhases.Ended, reason);
        }

        return failure is not null && late.IsCancellationRequested
            ? failure with { Reason = $"the spin-up took longer than {timeout.TotalSeconds:0} s; it was in step {failure.Step}" }
            : failure;
    }

    /// <summary>Ends the mandelbox and undoes its steps, once, however often it is called. Returns after the first attempt.</summary>
    private Task EndAsync(MandelboxContext context, EndCause cause, string reason)
    {
        context.State.BeginEnd(cause, reason);
        return context.Tasks.End ??= TearDownAsync(context);
    }

    /// <summary>As <see cref="EndAsync(MandelboxContext, EndCause, string)"/>, but returns after the timeout at the latest.</summary>
    private async Task EndAsync(MandelboxContext context, EndCause cause, string reason, TimeSpan timeout)
    {
        var end = EndAsync(context, cause, reason);
        await end.WaitAsync(timeout, timeProvider)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Observe(end, "end");
    }

    /// <summary>
    /// The kernel kills with exit code 137, as <c>docker kill</c> and <c>docker rm --force</c> do: the engine knows which of them it was.
    /// </summary>
    private async Task EndAfterDeathAsync(MandelboxContext context, ContainerDeath death)
    {
        var exitCode = death.ExitCode;
        var outOfMemory = exitCode is KilledExitCode or null && (death.OutOfMemory || context.Container.OutOfMemory);
        var isRemoved = false;
        if (exitCode is KilledExitCode or UnknownExitCode or null && !outOfMemory)
        {
            using var late = new CancellationTokenSource(CauseTimeout, timeProvider);
            try
            {
                var container = await engine.InspectAsync(death.ContainerId, late.Token);
                exitCode = container?.ExitCode ?? exitCode;
                outOfMemory = exitCode is KilledExitCode or null && container is { OutOfMemory: true };
                isRemoved = container is null or { IsBeingRemoved: true };
            }
            catch (Exception exception) when (exception is ContainerEngineException or OperationCanceledException)
            {
                // The end does not depend on its cause.
            }
        }

        context.Container.ExitCode = exitCode;
        var code = exitCode is { } known ? $" with exit code {known}" : "";
        var (cause, reason) = exitCode switch
        {
            _ when outOfMemory => (EndCause.OutOfMemory, $"its container ran out of memory and ended{code}"),
            0 => (EndCause.UserLeft, $"its container ended{code}"),
            _ when isRemoved => (EndCause.Removed, $"its container was removed, and ended{code}"),
            KilledExitCode => (EndCause.Killed, $"its container ended{code}"),
            _ => (EndCause.AppExited, $"its container ended{code}"),
        };
        await EndAsync(context, cause, reason);
    }

    private async Task TearDownAsync(MandelboxContext context)
    {
        // Tasks.End must be set before anything below asks for the end again.
        await Task.Yield();
        using var activity = LifecycleActivity.StartTrace("clean up", Id);
        await context.State.MoveToAsync(MandelboxState.Dying);
        await context.Tasks.Ending.CancelAsync();
        context.Row.MarkedDying = MarkRowDyingAsync(context);

        // Running steps and calls end first: only then is it known what they have obtained.
        await context.Tasks.WhenIdleAsync();
        await LookWhetherItRunsAsync(context);
        foreach (var failure in await context.Steps.UndoAsync())
        {
            LogUndoFailed(Id, failure.Step, failure.Exception.Message, failure.Exception);
        }

        if (context.Steps.HasUndo)
        {
            Observe(RetryUndoAsync(context), "retry of the undo");
        }
        else
        {
            await CompleteAsync(context);
        }
    }

    private async Task MarkRowDyingAsync(MandelboxContext context)
    {
        if (!context.Row.IsClaimed)
        {
            return;
        }

        try
        {
            using var late = new CancellationTokenSource(options.Value.CleanUpTimeout, timeProvider);
            await database.SetMandelboxStatusAsync(Id, MandelboxStatus.Dying, late.Token);
        }
        catch (Exception exception)
        {
            // The row is deleted soon; a wrong status until then must not stop the undo.
            LogRowNotMarked(Id, exception);
        }
    }

    /// <summary>
    /// Retries failed undos with growing pauses, and at once when the engine reports the container's end. It outlives the activation, but
    /// not the silo.
    /// </summary>
    private async Task RetryUndoAsync(MandelboxContext context)
    {
        for (var pause = options.Value.RetryAfter; context.Steps.HasUndo; pause = Backoff.Next(pause, options.Value.RetryAtMost))
        {
            using var due = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopped);
            await Task.WhenAny(Task.Delay(pause, timeProvider, due.Token), context.Tasks.RetryUndo.Task);
            await due.CancelAsync();
            if (lifetime.ApplicationStopped.IsCancellationRequested)
            {
                LogLeft(Id, context.State.EndCause, string.Join(", ", context.Steps.ToUndo));
                return;
            }

            context.Tasks.ResetRetryUndo();
            await LookWhetherItRunsAsync(context);
            foreach (var failure in await context.Steps.UndoAsync())
            {
                LogUndoFailedAgain(Id, failure.Step, failure.Exception.Message);
            }
        }

        await CompleteAsync(context);
    }

    private async Task CompleteAsync(MandelboxContext context)
    {
        await context.State.MoveToAsync(MandelboxState.Gone);
        _context = null;

        // Not DeactivateOnIdle: a concurrent SpinUp would land on a dying activation. It is collected when nobody has called for 10 s.
        if (!_isDeactivating)
        {
            DelayDeactivation(TimeSpan.Zero);
        }
    }

    /// <summary>
    /// Reports the state to the host, in order: a report that came late would put a mandelbox that has gone on the host's list again.
    /// </summary>
    private Task ReportAsync(MandelboxContext context) =>
        context.Tasks.Report = ReportAsync(context, context.Describe(), context.Tasks.Report);

    /// <summary>The last report is retried until the host has it, or is stopped as well.</summary>
    private async Task ReportAsync(MandelboxContext context, MandelboxDescription description, Task earlier)
    {
        await earlier;
        for (var pause = options.Value.RetryAfter; ; pause = Backoff.Next(pause, options.Value.RetryAtMost))
        {
            try
            {
                await Host.Report(description, context.FinalSteps);
                return;
            }
            catch (Exception exception)
            {
                // The host's list is out of date; the mandelbox itself is not.
                LogNotReported(Id, exception);
            }

            if (description.State != MandelboxState.Gone || lifetime.ApplicationStopping.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(pause, timeProvider, lifetime.ApplicationStopping)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    private async Task ReportSpinUpAsync(SpinUpFailure? failure)
    {
        try
        {
            await Host.ReportSpinUp(failure);
        }
        catch (Exception exception)
        {
            // Only the host's readiness depends on it, and further spin-ups report as well.
            LogNotReported(Id, exception);
        }
    }

    /// <summary>Logs the failure of a task that nobody awaits.</summary>
    private void Observe(Task task, string what) => _ = ObserveAsync(task, what);

    private async Task ObserveAsync(Task task, string what)
    {
        try
        {
            await task;
        }
        catch (Exception exception)
        {
            // A fault of ours.
            LogUnexpectedFailure(Id, what, exception);
        }
    }
}
