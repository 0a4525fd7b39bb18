namespace HostService.GrainInterfaces;

/// <summary>Names of log events that decide where a line goes.</summary>
public static class LogEvents
{
    /// <summary>Begins the event name of a line with data of a user: file names, addresses. Sentry never gets it.</summary>
    public const string UserData = "UserData";
}
