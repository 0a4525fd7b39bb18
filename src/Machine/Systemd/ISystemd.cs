namespace HostService.Machine.Systemd;

/// <summary>systemd, when it started us (B31). Without it every notification does nothing.</summary>
public interface ISystemd
{
    /// <summary>How often the watchdog wants a sign of life; null when it is off.</summary>
    TimeSpan? WatchdogInterval { get; }

    /// <summary><c>READY=1</c>.</summary>
    void Ready();

    /// <summary><c>STATUS=</c>, one line.</summary>
    void Status(string line);

    /// <summary><c>STOPPING=1</c>.</summary>
    void Stopping();

    /// <summary><c>WATCHDOG=1</c>.</summary>
    void Watchdog();

    /// <summary><c>EXTEND_TIMEOUT_USEC=</c>: what is under way needs this much longer.</summary>
    void ExtendTimeout(TimeSpan by);

    /// <summary><c>systemctl start unit</c>; throws <see cref="SystemdException"/> with systemctl's own words.</summary>
    Task StartUnitAsync(string unit, CancellationToken cancellationToken);
}

/// <summary>systemctl is not there, refused, failed or took too long; the message names the unit and holds systemctl's own words.</summary>
public sealed class SystemdException(string message, Exception? inner = null) : Exception(message, inner);
