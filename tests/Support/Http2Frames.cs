using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace HostService.Tests.Support;

/// <summary>HTTP/2 by hand, over TLS: sends exactly the frames that a test asks for, also those that no client would send.</summary>
[SuppressMessage("Security", "CA5359", Justification = "Talks to a test's own server only.")]
[SuppressMessage("Security", "MA0039", Justification = "Talks to a test's own server only.")]
public sealed class Http2Frames : IAsyncDisposable
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const byte WindowUpdate = 8;
    private const short InitialWindowSize = 4;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Acknowledgement = 1;

    private readonly SslStream _tls;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<int>> _statuses = new();
    private readonly SendWindows _windows = new();
    private int _nextStream = 1;
    private TaskCompletionSource _pinged = new();

    private Http2Frames(SslStream tls)
    {
        _tls = tls;
        Closed = ReadAsync();
    }

    /// <summary>Ends when the server has ended the connection.</summary>
    public Task Closed { get; }

    /// <summary>Connects, and agrees on HTTP/2.</summary>
    /// <param name="from">The address of this side; null leaves it to the system.</param>
    /// <exception cref="IOException">The server ended the connection.</exception>
    public static async Task<Http2Frames> ConnectAsync(Uri server, IPAddress? from = null)
    {
        var connection = new Http2Frames(await TlsAsync(server, from, SslApplicationProtocol.Http2));
        // No table of header fields: each answer's status can be read by itself.
        await connection.SendAsync(frames =>
        {
            frames.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
            Frame(frames, Settings, 0, 0, [0, 1, 0, 0, 0, 0]);
        });
        return connection;
    }

    /// <summary>A TLS connection that speaks the given protocol.</summary>
    public static async Task<SslStream> TlsAsync(Uri server, IPAddress? from, SslApplicationProtocol protocol)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? tls = null;
        try
        {
            socket.Bind(new IPEndPoint(from ?? IPAddress.Any, 0));
            await socket.ConnectAsync(server.Host, server.Port);
            tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [protocol],
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            });
            return tls;
        }
        catch (Exception exception)
        {
            socket.Dispose();
            tls?.Dispose();
            throw exception is SocketException ? new IOException("The server ended the connection.", exception) : exception;
        }
    }

    /// <summary>Opens a request; it stays open for data when it says that it has a body.</summary>
    /// <param name="more">Further header fields.</param>
    /// <returns>The number of its stream.</returns>
    public async Task<int> RequestAsync(string method, string path, int? contentLength = null, params (string Name, string Value)[] more)
    {
        var stream = 0;
        await SendAsync(frame =>
        {
            (stream, _nextStream) = (_nextStream, _nextStream + 2);
            _statuses[stream] = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            (string, string)[] pseudo = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "localhost")];
            (string, string)[] length = contentLength is null ? [] : [("content-length", $"{contentLength}")];
            var flags = contentLength is null ? EndHeaders | EndStream : EndHeaders;
            Frame(frame, Headers, (byte)flags, stream, Fields([.. pseudo, .. length, .. more]));
        });
        return stream;
    }

    /// <summary>Sends a part of a body, once the server has room for it; nothing to a stream that the server has ended.</summary>
    public async Task DataAsync(int stream, ReadOnlyMemory<byte> bytes, bool last = false)
    {
        if (await _windows.TakeAsync(stream, bytes.Length))
        {
            await SendAsync(frame => Frame(frame, Data, last ? EndStream : (byte)0, stream, bytes.Span));
        }
    }

    public Task ResetAsync(int stream) => SendAsync(frame => Frame(frame, Reset, 0, stream, [0, 0, 0, 8]));

    /// <summary>Pings, and waits for the answer or the end of the connection.</summary>
    /// <exception cref="IOException">The connection had ended.</exception>
    public async Task PingAsync()
    {
        _pinged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await SendAsync(frame => Frame(frame, Ping, 0, 0, new byte[8]));
        await Task.WhenAny(_pinged.Task, Closed);
    }

    /// <summary>The status of the answer; 0 when the server reset the stream or ended the connection without one.</summary>
    public Task<int> StatusAsync(int stream) => _statuses[stream].Task;

    public async ValueTask DisposeAsync()
    {
        await _tls.DisposeAsync();
        await Closed;
        _sending.Dispose();
    }

    private static byte[] Fields(IEnumerable<(string Name, string Value)> fields)
    {
        using var block = new MemoryStream();
        foreach (var (name, value) in fields)
        {
            // A literal that is not indexed, its name and value as plain text.
            block.WriteByte(0);
            Text(block, name);
            Text(block, value);
        }

        return block.ToArray();
    }

    private static void Text(MemoryStream block, string text)
    {
        var length = text.Length;
        block.WriteByte((byte)Math.Min(length, 127));
        for (length -= 127; length >= 0; length = length < 128 ? -1 : length >> 7)
        {
            block.WriteByte((byte)(length < 128 ? length : (length & 127) | 128));
        }

        block.Write(Encoding.ASCII.GetBytes(text));
    }

    private static void Frame(MemoryStream to, byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> head = stackalloc byte[9];
        BinaryPrimitives.WriteInt32BigEndian(head, payload.Length << 8);
        head[3] = type;
        head[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(head[5..], stream);
        to.Write(head);
        to.Write(payload);
    }

    /// <summary>The first field of an answer is its status: a number of the static table, or three digits.</summary>
    private static int StatusOf(ReadOnlySpan<byte> block)
    {
        while ((block[0] & 0xE0) == 0x20)
        {
            block = block[1..];
        }

        return (block[0] & 0x80) != 0
            ? (block[0] & 0x7F) switch { 8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404, 14 => 500, var other => -other }
            : int.Parse(block.Slice(2, 3), CultureInfo.InvariantCulture);
    }

    private async Task SendAsync(Action<MemoryStream> write)
    {
        await _sending.WaitAsync();
        try
        {
            using var frames = new MemoryStream();
            write(frames);
            await _tls.WriteAsync(frames.GetBuffer().AsMemory(0, (int)frames.Length));
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            var head = new byte[9];
            while (true)
            {
                await _tls.ReadExactlyAsync(head);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
                await _tls.ReadExactlyAsync(payload);
                await TakeAsync(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection has ended; requests without an answer will not get one.
            foreach (var (stream, status) in _statuses)
            {
                _windows.End(stream);
                status.TrySetResult(0);
            }
        }
    }

    private async Task TakeAsync(byte type, byte flags, int stream, byte[] payload)
    {
        switch (type)
        {
            case Headers:
                _statuses[stream].TrySetResult(StatusOf(payload));
                break;
            case Reset:
                _windows.End(stream);
                _statuses[stream].TrySetResult(0);
                break;
            case WindowUpdate:
                _windows.Add(stream, BinaryPrimitives.ReadInt32BigEndian(payload));
                break;
            case Settings when (flags & Acknowledgement) == 0:
                for (var at = 0; at < payload.Length; at += 6)
                {
                    if (BinaryPrimitives.ReadInt16BigEndian(payload.AsSpan(at)) == InitialWindowSize)
                    {
                        _windows.SetInitial(BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(at + 2)));
                    }
                }

                await SendAsync(frame => Frame(frame, Settings, Acknowledgement, 0, []));
                break;
            case Ping when (flags & Acknowledgement) == 0:
                await SendAsync(frame => Frame(frame, Ping, Acknowledgement, 0, payload));
                break;
            case Ping:
                _pinged.TrySetResult();
                break;
        }
    }

    /// <summary>How much this side may send, per stream and in all (stream 0).</summary>
    private sealed class SendWindows
    {
        private const int Default = 65_535;

        private readonly Lock _gate = new();

        /// <summary>What was added to each window, less what was sent.</summary>
        private readonly Dictionary<int, int> _change = [];
        private readonly HashSet<int> _ended = [];
        private int _initial = Default;
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Waits until so much may be sent; false when the stream has ended.</summary>
        public async Task<bool> TakeAsync(int stream, int bytes)
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                {
                    if (_ended.Contains(stream))
                    {
                        return false;
                    }

                    var (ofStream, ofAll) = (_change.GetValueOrDefault(stream), _change.GetValueOrDefault(0));
                    if (_initial + ofStream >= bytes && Default + ofAll >= bytes)
                    {
                        _change[stream] = ofStream - bytes;
                        _change[0] = ofAll - bytes;
                        return true;
                    }

                    changed = _changed.Task;
                }

                await changed;
            }
        }

        public void SetInitial(int bytes) => Change(() => _initial = bytes);

        public void Add(int stream, int bytes) => Change(() => _change[stream] = _change.GetValueOrDefault(stream) + bytes);

        public void End(int stream) => Change(() => _ended.Add(stream));

        private void Change(Action change)
        {
            lock (_gate)
            {
                change();
                _changed.SetResult();
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
