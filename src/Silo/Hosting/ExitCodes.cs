namespace HostService.Silo.Hosting;

/// <summary>How the process ends; operators' scripts rely on these.</summary>
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

    /// <summary>The container engine was lost.</summary>
    public const int EngineLost = 4;
}

/// <summary>The service does not start, and says what to do about it.</summary>
public sealed class StartRefusedException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}
