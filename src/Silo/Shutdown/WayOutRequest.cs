namespace HostService.Silo.Shutdown;

/// <summary>Why the service ends.</summary>
public enum EndCause
{
    /// <summary>TERM or INT.</summary>
    Signal,

    /// <summary><c>drain_and_shutdown</c>.</summary>
    Request,

    /// <summary>The container engine stays away.</summary>
    EngineLost,

    /// <summary>An exception that nobody handled.</summary>
    Crash,

    /// <summary>The webserver's row says that this host is no longer wanted.</summary>
    NotWanted,

    /// <summary>Start-up failed half-way: what it had taken is given back.</summary>
    StartFailed,
}

/// <summary>The first cause, which decides how the process ends.</summary>
public sealed record End(EndCause Cause, string Reason, int ExitCode);

/// <summary>The one way out (B30): whoever wants the service to end asks here, and the first one wins.</summary>
public sealed partial class WayOutRequest(ILogger<WayOutRequest> logger) : Gateway.IShutdownTrigger, Grains.IServiceEnd
{
    private readonly TaskCompletionSource<End> _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completed by the first request.</summary>
    public Task<End> Asked => _asked.Task;

    public void Request(End end)
    {
        if (_asked.TrySetResult(end))
        {
            LogAsked(end.Cause, end.Reason);
        }
    }

    /// <summary>The webserver's request (B32).</summary>
    public void Request(string reason) => Request(new End(EndCause.Request, reason, Hosting.ExitCodes.Ended));

    [LoggerMessage(Level = LogLevel.Information, Message = "The service ends ({Cause}): {Reason}")]
    private partial void LogAsked(EndCause cause, string reason);
}
