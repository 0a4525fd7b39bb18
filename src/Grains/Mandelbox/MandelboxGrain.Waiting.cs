using HostService.Grains.Mandelbox.Steps;

namespace HostService.Grains.Mandelbox;

/// <summary>A mandelbox that was started ahead waits for a user, whose mandelbox adopts it.</summary>
public sealed partial class MandelboxGrain
{
    public async Task<SpinUpFailure?> StartWaiting(string appName)
    {
        if (_context is not null)
        {
            return new SpinUpFailure(SpinUpPhases.Id, $"mandelbox {Id} exists already");
        }

        var context = _context = BeginLife(new SpinUpRequest(UserId: "", appName, ConfigEncryptionToken: "", SessionId: 0));
        await ReportAsync(context);
        if (await context.Tasks.TrackAsync(RunStagesAsync(context, plans.ForWaiting(Host))) is not { } failure)
        {
            return null;
        }

        LogSpinUpFailed(Id, failure.Step, failure.Reason, failure.Exception);
        await EndFailedAsync(context, failure);
        return new SpinUpFailure(failure.Step, failure.Reason);
    }

    public Task<WaitingMandelbox?> BeginAdoption(string mandelboxId)
    {
        if (_context is not { State: { IsAlive: true, Current: MandelboxState.Waiting } } context
            || (context.PromisedTo ??= mandelboxId) != mandelboxId)
        {
            return Task.FromResult<WaitingMandelbox?>(null);
        }

        return Task.FromResult<WaitingMandelbox?>(new WaitingMandelbox(context.Container.RequiredId, context.AesKey));
    }

    public Task<bool> EndWaiting(string reason) =>
        _context is { PromisedTo: null } ? Stop(reason, EndCause.Replaced) : Task.FromResult(false);

    public Task<bool> CompleteAdoption(string mandelboxId)
    {
        if (_context is not { State.IsAlive: true } context || context.PromisedTo != mandelboxId)
        {
            return Task.FromResult(false);
        }

        // What is left to undo here: the lease, which so becomes the other one's for good, and directories.
        context.Steps.ForgetUndo(step => step is CreateContainer or StartContainer or Steps.CreateInputDevices);
        (context.Container.Id, context.Container.MayRun, context.InputDevices) = (null, false, null);
        Observe(EndAsync(context, EndCause.Adopted, $"mandelbox {mandelboxId} has adopted it"), "end");
        return Task.FromResult(true);
    }
}
