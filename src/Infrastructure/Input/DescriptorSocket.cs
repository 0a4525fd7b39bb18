using System.ComponentModel;
using System.Net.Sockets;
using System.Text;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>
/// Gives open descriptors to the first client of a unix socket. A client that disconnects without having read them does not count; every
/// client after the first one is disconnected. Disposing closes the socket and removes its file.
/// </summary>
internal sealed partial class DescriptorSocket : IAsyncDisposable
{
    /// <summary>The size of a path in <c>sockaddr_un</c>, without the final zero.</summary>
    private const int LongestPath = 107;

    private const UnixFileMode ReadableAndWritable = (UnixFileMode)0b110_110_110;

    private static readonly TimeSpan AcceptRetryDelay = TimeSpan.FromSeconds(1);

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
        FilePath = path;
        _files = files;
        _timeProvider = timeProvider;
        _logger = logger;
        try
        {
            MakeDirectory(Path.GetDirectoryName(path)!);
            File.Delete(path);
            _listener.Bind(new UnixDomainSocketEndPoint(ShortPath(path, out _directory)));

            // Any user inside may connect; the directories above decide who reaches the file.
            SetMode(path, ReadableAndWritable);
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

    /// <summary>Where its file is; set when somebody has moved it.</summary>
    public string FilePath { get; set; }

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

    /// <summary>
    /// Changes the file itself, never the target of a link: the mandelbox can write in this directory and may have put a link there since
    /// the bind. (The mode cannot be set before it: bind applies the umask, which belongs to the whole process.)
    /// </summary>
    internal static void SetMode(string path, UnixFileMode mode)
    {
        using var file = FileCalls.Open(path, FileCalls.PathOnly | FileCalls.NoFollow);
        File.SetUnixFileMode($"/proc/self/fd/{file.DangerousGetHandle()}", mode);
    }

    private void RemoveFile()
    {
        try
        {
            File.Delete(FilePath);
        }
        catch (DirectoryNotFoundException)
        {
            // The mandelbox's directory was removed before.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Programs in the mandelbox may have put something else there, a directory for example. It is removed with the mandelbox's
            // directory.
            LogFileLeft(FilePath, e.Message);
        }
    }

    /// <summary>A path too long for a socket (an id has up to 128 characters) goes through a descriptor of its directory.</summary>
    private static string ShortPath(string path, out SafeFileHandle? directory)
    {
        directory = null;
        if (Encoding.UTF8.GetByteCount(path) <= LongestPath)
        {
            return path;
        }

        directory = FileCalls.Open(Path.GetDirectoryName(path)!, FileCalls.PathOnly);
        return $"/proc/self/fd/{directory.DangerousGetHandle()}/{Path.GetFileName(path)}";
    }

    /// <summary>With a mode that does not depend on the service's umask: the mandelbox's user must get through this directory.</summary>
    private static void MakeDirectory(string directory)
    {
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory);
            File.SetUnixFileMode(directory, (UnixFileMode)0b111_101_101);
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
                // Usually the process is out of descriptors: a later client may be luckier.
                LogAcceptFailed(e, FilePath);
                await Task.Delay(AcceptRetryDelay, _timeProvider, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Offer(Socket client)
    {
        if (_holder is not null && !LeftWithoutReading(_holder))
        {
            client.Dispose();
            LogRefused(FilePath);
            return;
        }

        _holder?.Dispose();
        _holder = null;
        try
        {
            // A stream socket carries descriptors only together with data.
            DescriptorSender.Send(client, [0], _files);
            _holder = client;
            LogHandedOver(FilePath);
        }
        catch (Win32Exception e)
        {
            client.Dispose();
            LogClientGone(FilePath, e.Message);
        }
    }

    /// <summary>The kernel reports "connection reset" where a peer closed its end without reading everything, else a normal end.</summary>
    private static bool LeftWithoutReading(Socket holder)
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

    [LoggerMessage(LogLevel.Debug, "Input devices handed over on {Socket}")]
    private partial void LogHandedOver(string socket);

    [LoggerMessage(LogLevel.Information, "Another client of {Socket} was refused: the input devices have been handed over already")]
    private partial void LogRefused(string socket);

    [LoggerMessage(LogLevel.Information, "A client of {Socket} disconnected before it got the input devices: {Reason}")]
    private partial void LogClientGone(string socket, string reason);

    [LoggerMessage(LogLevel.Warning, "A client of {Socket} could not be accepted")]
    private partial void LogAcceptFailed(Exception exception, string socket);

    [LoggerMessage(LogLevel.Information, "{Socket} is no longer the socket and is not removed: {Reason}")]
    private partial void LogFileLeft(string socket, string reason);
}
