using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>sd_notify: one datagram a message to the socket in <c>NOTIFY_SOCKET</c>. A failure is logged, never thrown.</summary>
public sealed partial class SystemdNotifier : ISystemd, IDescriptorStore, IDisposable
{
    /// <summary>The first descriptor that systemd hands over (<c>SD_LISTEN_FDS_START</c>).</summary>
    private const int FirstStoredFile = 3;

    private readonly Systemctl _systemctl;
    private readonly ILogger<SystemdNotifier> _logger;
    private readonly UnixDomainSocketEndPoint? _address;
    private readonly Socket? _socket;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SafeFileHandle> _stored;

    public SystemdNotifier(IOptions<SystemdOptions> options, TimeProvider timeProvider, ILogger<SystemdNotifier> logger)
        : this(options, timeProvider, logger, Environment.GetEnvironmentVariable)
    {
    }

    internal SystemdNotifier(
        IOptions<SystemdOptions> options,
        TimeProvider timeProvider,
        ILogger<SystemdNotifier> logger,
        Func<string, string?> environment,
        int firstStoredFile = FirstStoredFile)
    {
        _systemctl = new Systemctl(options.Value, timeProvider);
        _logger = logger;
        WatchdogInterval = ReadWatchdog(environment);
        _stored = ReadStoredFiles(environment, firstStoredFile);
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

    public void Store(string name, SafeFileHandle file)
    {
        // Without FDPOLL=0 systemd drops a file as soon as poll reports an error on it, as it does on a device that has been removed.
        Send($"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", file);
    }

    public SafeFileHandle? Take(string name)
    {
        lock (_gate)
        {
            return _stored.Remove(name, out var file) ? file : null;
        }
    }

    public void Remove(string name) => Send($"FDSTOREREMOVE=1\nFDNAME={name}");

    public void RemoveUntaken()
    {
        lock (_gate)
        {
            foreach (var (name, file) in _stored)
            {
                Remove(name);
                file.Dispose();
            }

            _stored.Clear();
        }
    }

    public Task StartUnitAsync(string unit, CancellationToken cancellationToken) => _systemctl.StartAsync(unit, cancellationToken);

    public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken) => _systemctl.UnitsLoadedAtAsync(cancellationToken);

    public void Dispose() => _socket?.Dispose();

    private static TimeSpan? ReadWatchdog(Func<string, string?> environment)
    {
        if (!IsForThisProcess(environment("WATCHDOG_PID")))
        {
            return null;
        }

        return long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            && microseconds > 0
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
    }

    private static Dictionary<string, SafeFileHandle> ReadStoredFiles(Func<string, string?> environment, int first)
    {
        var files = new Dictionary<string, SafeFileHandle>(StringComparer.Ordinal);
        if (environment("LISTEN_FDNAMES") is not { Length: > 0 } names || !IsForThisProcess(environment("LISTEN_PID")))
        {
            return files;
        }

        foreach (var (index, name) in names.Split(':').Index())
        {
            // The programs that this process starts must not inherit it.
            FileCalls.SetCloseOnExec(first + index);
            files[name] = new SafeFileHandle(first + index, ownsHandle: true);
        }

        return files;
    }

    /// <summary>A child inherits systemd's variables, but one of them names the process that they are for.</summary>
    private static bool IsForThisProcess(string? pid) =>
        string.IsNullOrEmpty(pid) || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    /// <summary>A line break would begin another variable of the message.</summary>
    private static string OneLine(string line) => line.ReplaceLineEndings(" ");

    private void Send(string message, SafeFileHandle? file = null)
    {
        if (_socket is null || _address is null)
        {
            return;
        }

        try
        {
            var bytes = Encoding.UTF8.GetBytes(message);
            if (file is null)
            {
                _socket.SendTo(bytes, _address);
                return;
            }

            using var connected = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            connected.Connect(_address);
            DescriptorSender.Send(connected, bytes, [file]);
        }
        catch (Exception exception) when (exception is SocketException or Win32Exception)
        {
            LogNotSent(message.ReplaceLineEndings(" "), exception.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "systemd could not be notified of {Notification}: {Reason}")]
    private partial void LogNotSent(string notification, string reason);
}
