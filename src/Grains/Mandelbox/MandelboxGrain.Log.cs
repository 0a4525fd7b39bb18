namespace HostService.Grains.Mandelbox;

/// <summary>Log messages. That a mandelbox runs, or has gone, is logged by <see cref="MandelboxLog"/>.</summary>
public sealed partial class MandelboxGrain
{
    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId} of the last run goes on, with container {ContainerId}")]
    private partial void LogReattached(string mandelboxId, string containerId);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: spin-up failed in step {Step}: {Reason}")]
    private partial void LogSpinUpFailed(string mandelboxId, string step, string reason, Exception? exception);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: retrying with another lease and container: {Reason}")]
    private partial void LogStartRetried(string mandelboxId, string reason);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: starting a container of its own: {Reason}")]
    private partial void LogNotAdopted(string mandelboxId, string reason);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: undo of step {Step} failed and will be retried: {Reason}")]
    private partial void LogUndoFailed(string mandelboxId, string step, string reason, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: undo of step {Step} failed again: {Reason}")]
    private partial void LogUndoFailedAgain(string mandelboxId, string step, string reason);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId} ({Cause}): the service ended before the undo of these steps: {Steps}")]
    private partial void LogLeft(string mandelboxId, EndCause? cause, string steps);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: its row could not be set to DYING")]
    private partial void LogRowNotMarked(string mandelboxId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: its state could not be reported to the host")]
    private partial void LogNotReported(string mandelboxId, Exception exception);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId}: unexpected failure of: {What}")]
    private partial void LogUnexpectedFailure(string mandelboxId, string what, Exception exception);

    [LoggerMessage(
        LogLevel.Warning,
        "Mandelbox {MandelboxId}: the kernel killed a process of container {ContainerId}, which had used all of its memory")]
    private partial void LogOutOfMemory(string mandelboxId, string containerId);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: container {ContainerId} was not adopted: {Reason}")]
    private partial void LogNotAdopted(string mandelboxId, string containerId, string reason);
}
