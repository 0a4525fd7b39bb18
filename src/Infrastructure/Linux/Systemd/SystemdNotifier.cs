using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>sd_notify: one datagram a message to the socket in <c>NOTIFY_SOCKET</c>. A failure is logged, never thrown.</summary>
public sealed partial class SystemdNotifier : ISystemd, IDisposable
{
    private readonly Systemctl _systemctl;
    private readonly ILogger<SystemdNotifier> _logger;
    private readonly UnixDomainSocketEndPoint? _address;
    private readonly Socket? _socket;

    public SystemdNotifier(IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<SystemdNotifier> logger)
        : this(options, timeProvider, logger, Environment.GetEnvironmentVariable)
    {
    }

    internal SystemdNotifier(
        IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<SystemdNotifier> logger, Func<string, string?> environment)
    {
        _systemctl = new Systemctl(options.Value, timeProvider);
        _logger = logger;
        WatchdogInterval = ReadWatchdog(environment);
        if (environment("NOTIFY_SOCKET") is not { Length: > 1 } path)
        {
            return;
        }

        // "@name" denotes an abstract address, which itself starts with a zero byte.
        _address = new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
    }

    public TimeSpan? WatchdogInterval { get; }

    public void Ready() => Send("READY=1");

    public void Status(string line) => Send("STATUS=" + OneLine(line));

    public void Stopping() => Send("STOPPING=1");

    public void Watchdog() => Send("WATCHDOG=1");

    public void ExtendTimeout(TimeSpan by) =>
        Send(string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={(long)by.TotalMicroseconds}"));

    public Task StartUnitAsync(string unit, CancellationToken cancellationToken) => _systemctl.StartAsync(unit, cancellationToken);

    public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken) => _systemctl.UnitsLoadedAtAsync(cancellationToken);

    public void Dispose() => _socket?.Dispose();

    private static TimeSpan? ReadWatchdog(Func<string, string?> environment)
    {
        // A child inherits the variables, but WATCHDOG_PID names the process that they are for.
        if (environment("WATCHDOG_PID") is { Length: > 0 } pid && pid != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            return null;
        }

        return long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds > 0
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
    }

    /// <summary>A line break would begin another variable of the message.</summary>
    private static string OneLine(string line) => line.ReplaceLineEndings(" ");

    private void Send(string message)
    {
        if (_socket is null || _address is null)
        {
            return;
        }

        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(message), _address);
        }
        catch (SocketException e)
        {
            LogNotSent(message, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "systemd could not be notified of {Notification}: {Reason}")]
    private partial void LogNotSent(string notification, string reason);
}
