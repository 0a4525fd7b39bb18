namespace HostService.Infrastructure.Backend.Rows;

internal sealed partial class BackendDatabase
{
    [LoggerMessage(LogLevel.Error, "Not in the database after {Timeout}, and lost with the end of this service: {Writes}")]
    private partial void LogNotWritten(TimeSpan timeout, string writes);

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId} has no row for {What}, or its row has a later status")]
    private partial void LogNoSuchMandelbox(string mandelboxId, string what);

    [LoggerMessage(LogLevel.Warning, "Instance {InstanceName} has no row for {What}")]
    private partial void LogNoSuchHost(string instanceName, string what);

    [LoggerMessage(LogLevel.Warning, "Not written: {What} of instance {InstanceName}, whose row this service never took over")]
    private partial void LogNotOurHost(string instanceName, string what);

    [LoggerMessage(LogLevel.Error, "Mandelbox {MandelboxId} could not be claimed: {Reason}")]
    private partial void LogClaimFailed(string mandelboxId, string reason);

    [LoggerMessage(LogLevel.Warning, "Whether instance {InstanceName} was registered is unknown, so its row is read again: {Reason}")]
    private partial void LogRegistrationUnclear(string instanceName, string reason);
}
