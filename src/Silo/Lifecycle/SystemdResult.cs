using System.Globalization;
using HostService.Silo.Hosting;

namespace HostService.Silo.Lifecycle;

/// <summary>How the service's process ended, as systemd tells the unit's <c>ExecStopPost=</c>.</summary>
public static class SystemdResult
{
    /// <summary>
    /// What kept the service from ending by itself (B30); null when it did, and so has told everybody, or was stopped before it ran.
    /// </summary>
    /// <param name="result"><c>SERVICE_RESULT</c>.</param>
    /// <param name="code"><c>EXIT_CODE</c>; null when there was no process.</param>
    /// <param name="status"><c>EXIT_STATUS</c>: an exit code, or a signal without SIG.</param>
    public static string? CauseOf(string result, string? code, string? status) => (result, code) switch
    {
        // Also killed by TERM, before the first line of the program catches it.
        ("success", _) => null,

        // Whatever the result: after a watchdog or a killed child, too, the service may have ended by itself.
        (_, "exited") when int.TryParse(status, CultureInfo.InvariantCulture, out var exit) && ExitCodes.IsOurs(exit) => null,
        (_, "exited") => $"ended with exit code {status}",
        ("signal" or "core-dump", _) => $"killed by SIG{status}",
        (_, "killed" or "dumped") => $"killed by SIG{status} ({result})",
        _ => $"not started ({result})",
    };
}
