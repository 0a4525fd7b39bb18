namespace HostService.Silo.Hosting;

/// <summary>Exit codes; operators' scripts rely on them.</summary>
public static class ExitCodes
{
    /// <summary>Ended as asked.</summary>
    public const int Ended = 0;

    /// <summary>Failed at run time.</summary>
    public const int Failed = 1;

    /// <summary>Bad usage or configuration.</summary>
    public const int Usage = 2;

    /// <summary>Refused to start: leftovers, not root, not on EC2, row not ours.</summary>
    public const int Refused = 3;

    public const int EngineLost = 4;

    /// <summary>Ended for a restart: the unit starts it again (<c>RestartForceExitStatus=</c>), and mandelboxes go on.</summary>
    public const int Restart = 5;

    /// <summary>Whether the service itself ends with this one; any other comes from the runtime or from systemd.</summary>
    public static bool IsOurs(int exitCode) => exitCode is Ended or Failed or Usage or Refused or EngineLost or Restart;
}

/// <summary>The service refuses to start; the message says why and what to do.</summary>
public sealed class StartRefusedException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>Refuses a configuration with faults, and names them all.</summary>
    public static void ThrowIfAny(IReadOnlyList<string> faults)
    {
        if (faults.Count > 0)
        {
            var count = faults.Count == 1 ? "1 fault" : $"{faults.Count} faults";
            throw new StartRefusedException(
                ExitCodes.Usage, $"The configuration has {count}:\n{string.Join('\n', faults.Select(fault => $"  {fault}"))}");
        }
    }
}
