using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The undo saves the user's app settings. It stands before the lease, so that the lease is released before the upload.</summary>
public sealed partial class SaveUserConfigs(IUserConfigStore store, HostEnvironment environment, ILogger logger) : IStep<MandelboxContext>
{
    private Task<SaveAnswer>? _saving;

    public string Name => "save configs";

    public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken) => Task.FromResult(StepResult.Done);

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
            var answer = await (_saving = SaveAsync(context, cancellationToken));
            if (answer is { Saved: false, Reason: not null })
            {
                LogNotSaved(context.MandelboxId, answer.Reason);
            }
        }
        else if (context is { UserConfigs: FetchOutcome.Failed, Row.MayBeRunning: true })
        {
            LogNotOverwritten(context.MandelboxId);
        }

        // Also after a failure: the store has retried, and further attempts would keep the mandelbox from ending.
        context.UserConfigs = null;
    }

    private Task<SaveAnswer> SaveAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var request = context.RequiredRequest;
        var key = UserConfigKeys.For(request, environment);
        return context.UserConfigs == FetchOutcome.Unknown
            ? store.SaveIfAbsentAsync(key, request.ConfigEncryptionToken, context.Paths.UserConfigs, cancellationToken)
            : store.SaveAsync(key, request.ConfigEncryptionToken, context.Paths.UserConfigs, cancellationToken);
    }

    [LoggerMessage(
        LogLevel.Warning, "Mandelbox {MandelboxId}: user configs were not saved, because the stored ones could not be read at the start")]
    private partial void LogNotOverwritten(string mandelboxId);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: user configs were not saved, the stored ones stay: {Reason}")]
    private partial void LogNotSaved(string mandelboxId, string? reason);
}
