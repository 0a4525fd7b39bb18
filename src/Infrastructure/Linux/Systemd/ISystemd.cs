namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>systemd (B31). When it did not start this process, notifications do nothing.</summary>
public interface ISystemd
{
    /// <summary>The watchdog's interval; null when it is off.</summary>
    TimeSpan? WatchdogInterval { get; }

    /// <summary><c>READY=1</c>.</summary>
    void Ready();

    /// <summary><c>STATUS=</c>, one line. Use <see cref="StatusLine"/>, which knows the priorities.</summary>
    void Status(string line);

    /// <summary><c>STOPPING=1</c>.</summary>
    void Stopping();

    /// <summary><c>WATCHDOG=1</c>.</summary>
    void Watchdog();

    /// <summary><c>EXTEND_TIMEOUT_USEC=</c>: the start or stop in progress needs this much longer.</summary>
    void ExtendTimeout(TimeSpan by);

    /// <summary><c>systemctl start unit</c>; throws <see cref="SystemdException"/>.</summary>
    Task StartUnitAsync(string unit, CancellationToken cancellationToken);

    /// <summary>
    /// When systemd last loaded its units, in microseconds of its own clock: it changes with each <c>systemctl daemon-reload</c>. Null
    /// where systemd is too old to tell. Throws <see cref="SystemdException"/>.
    /// </summary>
    Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken);
}

/// <summary>systemctl is missing, failed or took too long; the message has the request and systemctl's error output.</summary>
public sealed class SystemdException(string message, Exception? inner = null) : Exception(message, inner);
