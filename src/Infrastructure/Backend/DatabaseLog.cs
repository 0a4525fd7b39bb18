using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Backend;

internal static partial class DatabaseLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Kept for later: {What} of mandelbox {MandelboxId} could not be written: {Reason}")]
    public static partial void MandelboxWriteKept(ILogger logger, string what, string mandelboxId, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Kept for later: {What} of instance {InstanceName} could not be written: {Reason}")]
    public static partial void HostWriteKept(ILogger logger, string what, string instanceName, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The database takes writes again; up to {Count} kept ones are in it now")]
    public static partial void KeptWritten(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "Not in the database after {Timeout}, and lost with the end of this service: {Writes}")]
    public static partial void NotWritten(ILogger logger, TimeSpan timeout, string writes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} has no row for {What}, or its row is further on already")]
    public static partial void NoSuchMandelbox(ILogger logger, string mandelboxId, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Instance {InstanceName} has no row for {What}")]
    public static partial void NoSuchHost(ILogger logger, string instanceName, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not written: {What} of instance {InstanceName}, whose row this service never took over")]
    public static partial void NotOurHost(ILogger logger, string instanceName, string what);

    [LoggerMessage(Level = LogLevel.Error, Message = "Mandelbox {MandelboxId} could not be claimed: {Reason}")]
    public static partial void ClaimFailed(ILogger logger, string mandelboxId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whether instance {InstanceName} was registered is not known, so its row is looked at again: {Reason}")]
    public static partial void RegistrationUnclear(ILogger logger, string instanceName, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Setting} has parameters that have no effect here: {Parameters}")]
    public static partial void ParametersUnused(ILogger logger, string setting, string parameters);

    [LoggerMessage(Level = LogLevel.Error, Message = "Heartbeat to the database failed")]
    public static partial void HeartbeatFailed(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The figures for the heartbeat could not be read; it goes without them")]
    public static partial void NoFigures(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Stale rows could not be removed; it is tried again every ten seconds")]
    public static partial void SweepFailed(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stale rows can be removed again")]
    public static partial void SweepWorksAgain(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Removed {Count} rows of mandelboxes that nobody came for")]
    public static partial void Swept(ILogger logger, int count);
}
