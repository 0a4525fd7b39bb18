using HostService.GrainInterfaces;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Mandelbox;

/// <summary>What a mandelbox's log says.</summary>
public sealed partial class MandelboxGrain
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Mandelbox {MandelboxId}: {From} -> {To} after {Milliseconds} ms {Why}")]
    private partial void LogMoved(string mandelboxId, MandelboxState from, MandelboxState to, long milliseconds, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} did not come up, in {Phase}: {Reason}")]
    private partial void LogFailed(string mandelboxId, string phase, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId}: {Step} was not given back and is tried again: {Why}")]
    private partial void LogNotUndone(string mandelboxId, string step, string why, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: {Step} is still not given back: {Why}")]
    private partial void LogStillNotUndone(string mandelboxId, string step, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} could not tell the host where it stands")]
    private partial void LogHostNotTold(string mandelboxId, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId}: unexpected failure in {What}")]
    private partial void LogSurprise(string mandelboxId, string what, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId}: container {ContainerId} was not taken over: {Why}")]
    private partial void LogNotAdopted(string mandelboxId, string containerId, string why);
}
