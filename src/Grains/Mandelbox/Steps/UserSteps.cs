using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>
/// The promise to save the user's settings at the end. It stands before the lease, so that on the way back the lease is free before the upload begins.
/// </summary>
public sealed partial class KeepUserConfigs(IUserConfigStore store, Func<MandelboxRun, UserConfigKey> key, ILogger logger) : IMandelboxStep
{
    private Task<SaveAnswer>? _saving;

    public string Name => "keep configs";

    public Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken) => Task.FromResult(StepResult.Done);

    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        // A pass that was given up has cancelled its save; before anything else that one must have ended.
        if (_saving is { } earlier)
        {
            await ((Task)earlier).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            cancellationToken.ThrowIfCancellationRequested();
        }

        if (run.OwesSave)
        {
            var answer = await (_saving = SaveAsync(run, cancellationToken));
            if (answer is { Saved: false, Reason: not null })
            {
                LogNotSaved(run.MandelboxId, answer.Reason);
            }
        }
        else if (run is { Configs: FetchOutcome.Failed, UserMayHaveCome: true })
        {
            LogKept(run.MandelboxId);
        }

        // The store has tried three times by now; trying for ever would keep the mandelbox from going.
        run.Configs = null;
    }

    private Task<SaveAnswer> SaveAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var token = run.RequiredRequest.ConfigEncryptionToken;
        return run.Configs == FetchOutcome.Unknown
            ? store.SaveIfAbsentAsync(key(run), token, run.Paths.UserConfigs, cancellationToken)
            : store.SaveAsync(key(run), token, run.Paths.UserConfigs, cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: the stored user configs could not be read at the start, so they are not overwritten now")]
    private partial void LogKept(string mandelboxId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId}: user configs were not saved, the stored ones stay: {Why}")]
    private partial void LogNotSaved(string mandelboxId, string? why);
}

/// <summary>The user's settings, fetched into the running mandelbox. A failure is a warning, not fatal (B7).</summary>
public sealed partial class FetchUserConfigs(IUserConfigStore store, Func<MandelboxRun, UserConfigKey> key, ILogger logger) : StepWithoutUndo
{
    public override string Name => "configs";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        // Until it is known to have worked it must count as failed: an end half-way must not overwrite what is stored.
        run.Configs = FetchOutcome.Failed;
        var answer = await store.FetchAsync(key(run), run.RequiredRequest.ConfigEncryptionToken, run.Paths.UserConfigs, cancellationToken);
        run.Configs = answer.Outcome;
        if (answer.Outcome is FetchOutcome.Failed or FetchOutcome.Unknown)
        {
            LogFailed(run.MandelboxId, answer.Reason);
            run.Warnings.Add($"user configs: {answer.Reason}");
        }

        return StepResult.Done;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: user configs were not fetched: {Why}")]
    private partial void LogFailed(string mandelboxId, string? why);
}

/// <summary>
/// A place for the user's drives, there before the container that has it bound: the engine would make it as it likes. Drives are mounted when the user asks;
/// whatever was mounted goes with the mandelbox, and the place too, if nothing lies in it.
/// </summary>
public sealed class PlaceCloudStorage(ICloudStorage storage) : IMandelboxStep
{
    public string Name => "cloud storage";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await storage.PrepareAsync(run.MandelboxId, cancellationToken);
        return StepResult.Done;
    }

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken) => storage.UnmountAllAsync(run.MandelboxId, cancellationToken);
}
