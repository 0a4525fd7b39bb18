using HostService.Silo.Hosting;

namespace HostService.Silo.Lifecycle;

/// <summary>Why the service ends.</summary>
public enum ShutdownReason
{
    /// <summary>TERM, INT, HUP or QUIT.</summary>
    Signal,

    /// <summary><c>drain_and_shutdown</c>.</summary>
    Request,

    /// <summary>The container engine stays away.</summary>
    EngineLost,

    /// <summary>An unhandled exception.</summary>
    Crash,

    /// <summary>The host's row says that the webserver no longer wants this host.</summary>
    NotWanted,

    /// <summary>Start-up failed; what it had begun is undone.</summary>
    StartFailed,
}

/// <summary>A request to shut down.</summary>
public sealed record ShutdownRequest(ShutdownReason Reason, string Detail, int ExitCode = ExitCodes.Ended);
