using HostService.Silo.Hosting;

namespace HostService.Silo.Lifecycle;

public enum ShutdownReason
{
    /// <summary>TERM, INT, HUP or QUIT.</summary>
    Signal,

    /// <summary><c>drain_and_shutdown</c>.</summary>
    Request,

    /// <summary>EC2 is going to end this instance (B32a).</summary>
    Notice,

    /// <summary>A drain has lasted as long as it may.</summary>
    DrainTimeout,

    /// <summary>The container engine stays away.</summary>
    EngineLost,

    Crash,

    /// <summary>The process was killed, or has crashed: the next process says so (<c>host-service last-words</c>).</summary>
    Killed,

    /// <summary>The host's row says that the webserver no longer wants this host.</summary>
    NotWanted,

    /// <summary>An operator restarts the service: mandelboxes go on, and the next run takes them over.</summary>
    Restart,

    /// <summary>Start-up failed; what it had begun is undone.</summary>
    StartFailed,
}

/// <summary>A request to shut down (B30).</summary>
/// <param name="Drains">Waits until the mandelboxes have ended by themselves; otherwise it is a stop, which ends them.</param>
/// <param name="DrainTimeout">How long this drain may last before it becomes a stop; null for the configured limit.</param>
public sealed record ShutdownRequest(
    ShutdownReason Reason, string Detail, int ExitCode = ExitCodes.Ended, bool Drains = false, TimeSpan? DrainTimeout = null);
