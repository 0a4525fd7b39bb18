using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Storage.Records;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>
/// Records the mandelbox for the run after a crash, before its user can connect: earlier there is nothing to save. The undo of
/// <see cref="SaveUserConfigs"/> removes the record.
/// </summary>
public sealed partial class KeepRecord(MandelboxRecords records, ILogger logger) : IStep<MandelboxContext>
{
    public string Name => "record";

    public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var request = context.RequiredRequest;
        try
        {
            records.Write(new MandelboxRecord
            {
                MandelboxId = context.MandelboxId,
                ContainerId = context.Container.RequiredId,
                UserId = request.UserId,
                AppName = request.AppName,
                SessionId = request.SessionId,
                AesKey = context.AesKey,
                Fetched = context.UserConfigs,
                ArchiveKey = context.ArchiveKey?.ToSecret(),
                Phases = context.State.PhasesWith(MandelboxState.Running),
            });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is needed after a crash only.
            LogNotRecorded(context.MandelboxId, exception.Message);
            context.Warnings.Add($"a crash would lose its user configs: {exception.Message}");
        }

        return Task.FromResult(StepResult.Done);
    }

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId} could not be recorded; a crash would lose its user configs: {Reason}")]
    private partial void LogNotRecorded(string mandelboxId, string reason);
}
