using System.ComponentModel;
using System.Net.Sockets;
using System.Text;
using HostService.Infrastructure.Input.Native;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>
/// Offers descriptors on a unix socket to the first client, once. A client that went away before it had them is not counted, a further one
/// finds the connection closed. Disposing ends it and removes the socket's file, unless something else has taken its place.
/// </summary>
internal sealed partial class DescriptorSocket : IAsyncDisposable
{
    // sockaddr_un's room for a path, less the final zero.
    private const int LongestPath = 107;

    private static readonly TimeSpan Breather = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly IReadOnlyList<SafeFileHandle> _files;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _end = new();
    private readonly SafeFileHandle? _directory;
    private readonly Task _serving;
    private Socket? _holder;
    private bool _disposed;

    /// <summary>Listens from now on. Throws <see cref="InputDeviceException"/>.</summary>
    public DescriptorSocket(string path, IReadOnlyList<SafeFileHandle> files, TimeProvider timeProvider, ILogger logger)
    {
        _path = path;
        _files = files;
        _timeProvider = timeProvider;
        _logger = logger;
        try
        {
            MakeDirectory(Path.GetDirectoryName(path)!);
            File.Delete(path);
            _listener.Bind(new UnixDomainSocketEndPoint(Reachable(path, out _directory)));

            // Whatever user the mandelbox's program runs as; who may reach the file is decided by its directories.
            File.SetUnixFileMode(
                path,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite);
            _listener.Listen(8);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException or Win32Exception)
        {
            _listener.Dispose();
            _directory?.Dispose();
            throw new InputDeviceException($"the socket {path} could not be made: {e.Message}", e);
        }

        _serving = ServeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        try
        {
            await _end.CancelAsync();
            await _serving;
        }
        finally
        {
            _holder?.Dispose();
            _listener.Dispose();
            _directory?.Dispose();
            _end.Dispose();
            RemoveFile();
        }
    }

    private void RemoveFile()
    {
        try
        {
            File.Delete(_path);
        }
        catch (DirectoryNotFoundException)
        {
            // The mandelbox's directory went first, and the socket's file with it.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Programs in the mandelbox may put there what they like, a directory for example. It goes with the mandelbox's directory.
            LogFileLeft(_path, e.Message);
        }
    }

    /// <summary>A mandelbox id may be 128 characters long, a socket's path may not: then the directory is named by an open descriptor of it.</summary>
    private static string Reachable(string path, out SafeFileHandle? directory)
    {
        directory = null;
        if (Encoding.UTF8.GetByteCount(path) <= LongestPath)
        {
            return path;
        }

        directory = Libc.Open(Path.GetDirectoryName(path)!, Libc.PathOnly);
        return $"/proc/self/fd/{directory.DangerousGetHandle()}/{Path.GetFileName(path)}";
    }

    // Whatever umask the service runs under, the mandelbox's user must get through the directory that is bound into the container.
    private static void MakeDirectory(string directory)
    {
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory);
            File.SetUnixFileMode(
                directory,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                Offer(await _listener.AcceptAsync(_end.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors, as a rule: nothing that the next client cannot find mended.
                LogAcceptFailed(e, _path);
                await Task.Delay(Breather, _timeProvider, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Offer(Socket client)
    {
        if (_holder is not null && !WentWithoutThem(_holder))
        {
            client.Dispose();
            LogTurnedAway(_path);
            return;
        }

        _holder?.Dispose();
        _holder = null;
        try
        {
            DescriptorSender.Send(client, _files);
            _holder = client;
            LogHandedOver(_path);
        }
        catch (Win32Exception e)
        {
            client.Dispose();
            LogClientGone(_path, e.Message);
        }
    }

    /// <summary>
    /// The kernel says "connection reset" where a peer closed its end without having read what was sent to it; a plain end means that it read it.
    /// </summary>
    private static bool WentWithoutThem(Socket holder)
    {
        try
        {
            if (holder.Poll(0, SelectMode.SelectRead))
            {
                holder.Receive(stackalloc byte[1]);
            }

            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "Input devices handed over on {Socket}")]
    private partial void LogHandedOver(string socket);

    [LoggerMessage(2, LogLevel.Information, "A further client of {Socket} is turned away: the input devices were handed over before")]
    private partial void LogTurnedAway(string socket);

    [LoggerMessage(3, LogLevel.Information, "A client of {Socket} went away before it had the input devices ({Reason}); the next one gets them")]
    private partial void LogClientGone(string socket, string reason);

    [LoggerMessage(4, LogLevel.Warning, "A client of {Socket} could not be accepted")]
    private partial void LogAcceptFailed(Exception exception, string socket);

    [LoggerMessage(5, LogLevel.Information, "What lies at {Socket} is not the socket any more and is left there: {Reason}")]
    private partial void LogFileLeft(string socket, string reason);
}
