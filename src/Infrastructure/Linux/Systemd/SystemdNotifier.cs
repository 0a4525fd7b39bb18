using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>
/// sd_notify: one datagram a message to the socket that systemd names in <c>NOTIFY_SOCKET</c>. A message that cannot be
/// sent is logged and never an exception: the service's work does not depend on who watches it.
/// </summary>
public sealed partial class SystemdNotifier : ISystemd, IDisposable
{
    private readonly SystemctlProgram _systemctl;
    private readonly ILogger<SystemdNotifier> _log;
    private readonly UnixDomainSocketEndPoint? _address;
    private readonly Socket? _socket;

    public SystemdNotifier(IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<SystemdNotifier> log)
        : this(options, timeProvider, log, Environment.GetEnvironmentVariable)
    {
    }

    internal SystemdNotifier(
        IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<SystemdNotifier> log, Func<string, string?> environment)
    {
        _systemctl = new SystemctlProgram(options.Value, timeProvider);
        _log = log;
        WatchdogInterval = ReadWatchdog(environment);
        if (environment("NOTIFY_SOCKET") is not { Length: > 1 } path)
            return;

        // "@name" is how an abstract address is written; in the address itself it starts with a zero byte.
        _address = new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
    }

    public TimeSpan? WatchdogInterval { get; }

    public void Ready() => Send("READY=1");

    public void Status(string line) => Send("STATUS=" + OneLine(line));

    public void Stopping() => Send("STOPPING=1");

    public void Watchdog() => Send("WATCHDOG=1");

    public void ExtendTimeout(TimeSpan by) => Send(string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={(long)by.TotalMicroseconds}"));

    public Task StartUnitAsync(string unit, CancellationToken cancellationToken) => _systemctl.StartAsync(unit, cancellationToken);

    public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken) => _systemctl.UnitsLoadedAtAsync(cancellationToken);

    public void Dispose() => _socket?.Dispose();

    private static TimeSpan? ReadWatchdog(Func<string, string?> environment)
    {
        // WATCHDOG_PID says whom the watchdog watches: a child that inherited the variables is not meant.
        if (environment("WATCHDOG_PID") is { Length: > 0 } pid && pid != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
            return null;
        return long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) && microseconds > 0
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
    }

    /// <summary>A line break would start another variable of the message.</summary>
    private static string OneLine(string line) => line.ReplaceLineEndings(" ");

    private void Send(string message)
    {
        if (_socket is null || _address is null)
            return;
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(message), _address);
        }
        catch (SocketException e)
        {
            LogNotSent(message, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "systemd was not told {Notification}: {Reason}")]
    private partial void LogNotSent(string notification, string reason);
}
