namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>systemd, when it started us (B31). Without it every notification does nothing.</summary>
public interface ISystemd
{
    /// <summary>How often the watchdog wants a sign of life; null when it is off.</summary>
    TimeSpan? WatchdogInterval { get; }

    /// <summary><c>READY=1</c>.</summary>
    void Ready();

    /// <summary><c>STATUS=</c>, one line. Said through <see cref="StatusLine"/>, which knows whose turn it is.</summary>
    void Status(string line);

    /// <summary><c>STOPPING=1</c>.</summary>
    void Stopping();

    /// <summary><c>WATCHDOG=1</c>.</summary>
    void Watchdog();

    /// <summary><c>EXTEND_TIMEOUT_USEC=</c>: what is under way needs this much longer.</summary>
    void ExtendTimeout(TimeSpan by);

    /// <summary><c>systemctl start unit</c>; throws <see cref="SystemdException"/> with systemctl's own words.</summary>
    Task StartUnitAsync(string unit, CancellationToken cancellationToken);

    /// <summary>
    /// When systemd last loaded its units, in microseconds of its own clock: another figure after each <c>systemctl daemon-reload</c>. Null where systemd is too old to
    /// say; throws <see cref="SystemdException"/> with systemctl's own words.
    /// </summary>
    Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken);
}

/// <summary>systemctl is not there, refused, failed or took too long; the message says what was asked of it and holds systemctl's own words.</summary>
public sealed class SystemdException(string message, Exception? inner = null) : Exception(message, inner);
