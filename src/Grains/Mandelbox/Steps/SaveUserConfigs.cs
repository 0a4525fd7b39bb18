using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The undo saves the user's app settings. It stands before the lease, so that the lease is released before the upload.</summary>
public sealed partial class SaveUserConfigs(IUserConfigStore store, MandelboxRecords records, HostEnvironment environment, ILogger logger)
    : IStep<MandelboxContext>
{
    private Task<SaveAnswer>? _saving;

    public string Name => "save configs";

    /// <summary>Derives the key of the archive; from then on the token is not needed for a save.</summary>
    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var token = context.RequiredRequest.ConfigEncryptionToken;
        context.ArchiveKey = await Task.Run(() => store.NewKey(token), cancellationToken);
        return StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // An archive of files that are being written would overwrite a complete one.
        context.Container.ThrowIfMayRun();

        // An attempt that timed out has cancelled its save, which must have ended before the next one begins.
        if (_saving is { } earlier)
        {
            await Task.WhenAny(earlier).WaitAsync(cancellationToken);
        }

        if (context.MustSaveUserConfigs)
        {
            var key = UserConfigKeys.For(context.RequiredRequest.UserId, context.RequiredRequest.AppName, environment);
            _saving = store.SaveAsync(context.UserConfigs, key, context.RequiredArchiveKey, context.Paths.UserConfigs, cancellationToken);
            var answer = await _saving;
            if (answer is { Saved: false, Reason: not null })
            {
                // What may not be replaced can never be saved.
                if (context.KeepsUnsavedConfigs && context.UserConfigs != FetchOutcome.Unknown)
                {
                    throw new IOException($"user configs cannot be saved, and stay: {answer.Reason}");
                }

                LogNotSaved(context.MandelboxId, answer.Reason);
            }
        }
        else if (context is { UserConfigs: FetchOutcome.Failed, Row.MayBeRunning: true })
        {
            LogNotOverwritten(context.MandelboxId);
        }

        // Also after a failure: the store has retried, and further attempts would keep the mandelbox from ending.
        context.UserConfigs = null;
        records.Remove(context.MandelboxId);
    }

    [LoggerMessage(
        LogLevel.Warning, "Mandelbox {MandelboxId}: user configs were not saved, because the stored ones could not be read at the start")]
    private partial void LogNotOverwritten(string mandelboxId);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: user configs were not saved, the stored ones stay: {Reason}")]
    private partial void LogNotSaved(string mandelboxId, string? reason);
}
