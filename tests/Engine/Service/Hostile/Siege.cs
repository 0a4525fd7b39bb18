using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service.Hostile;

/// <summary>How many connections a <see cref="Siege"/> keeps.</summary>
/// <param name="Idle">Half of them in the middle of the handshake, half without a request.</param>
/// <param name="SlowHeaders">Send their header fields byte by byte.</param>
/// <param name="SlowBodies">Send their bodies byte by byte.</param>
/// <param name="Floods">HTTP/2 connections with 100 streams each, which promise 1 MiB and send nothing.</param>
internal sealed record SiegeSize(int Idle, int SlowHeaders, int SlowBodies, int Floods);

/// <summary>
/// Strangers that hold connections. The idle ones come from four addresses, each of which gets its share of 64 at most: were they more,
/// they would have all that there are for strangers, and no other stranger's request would be read.
/// </summary>
internal sealed class Siege(Uri server) : IAsyncDisposable
{
    private const int Streams = 100;

    /// <summary>Connections that are opened anew in a round.</summary>
    private const int PerRound = 20;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<SslStream, bool> _slow = [];
    private readonly ConcurrentQueue<TaskCompletionSource> _waiting = [];
    private readonly List<Task> _holding = [];
    private int _opened;
    private int _refused;

    /// <summary>Connections that were opened, again after the server had ended them included.</summary>
    public int Opened => _opened;

    public int Refused => _refused;

    public void Begin(SiegeSize size)
    {
        Hold(size.Idle / 2, i => Stranger(10 + (i % 2)), ConnectAsync);
        Hold(size.Idle - (size.Idle / 2), i => Stranger(20 + (i % 2)), from => TlsAsync(from, ""));
        Hold(size.SlowHeaders, _ => Stranger(30), from => TlsAsync(from, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
        Hold(
            size.SlowBodies,
            _ => Stranger(40),
            from => TlsAsync(from, "PUT /spin_up_mandelbox HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n{"));
        for (var i = 0; i < size.Floods; i++)
        {
            _holding.Add(HoldAsync(() => FloodAsync(Stranger(50))));
        }
    }

    /// <summary>Sends a byte on each slow connection, and lets some that the server has ended begin again.</summary>
    public async Task NextRoundAsync()
    {
        for (var i = 0; i < PerRound && _waiting.TryDequeue(out var waiting); i++)
        {
            waiting.SetResult();
        }

        foreach (var slow in _slow.Keys)
        {
            try
            {
                await slow.WriteAsync("a"u8.ToArray());
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // The server has ended it.
                _slow.TryRemove(slow, out _);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        while (_waiting.TryDequeue(out var waiting))
        {
            waiting.TrySetResult();
        }

        await Task.WhenAll(_holding);
        _stop.Dispose();
    }

    /// <summary>An address that the service takes for a stranger's, because the service's own end is not loopback.</summary>
    public static IPAddress Stranger(int number) => new([127, 2, (byte)(number >> 8), (byte)number]);

    private void Hold(int count, Func<int, IPAddress> address, Func<IPAddress, Task<Stream>> open)
    {
        for (var i = 0; i < count; i++)
        {
            var from = address(i);
            _holding.Add(HoldAsync(async () =>
            {
                await using var stream = await open(from);
                await stream.CopyToAsync(Stream.Null, _stop.Token);
            }));
        }
    }

    private async Task HoldAsync(Func<Task> hold)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Interlocked.Increment(ref _opened);
                await hold();
            }
            catch (Exception exception)
                when (exception is IOException or SocketException or AuthenticationException or OperationCanceledException or ObjectDisposedException)
            {
                Interlocked.Increment(ref _refused);
            }

            var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiting);
            await using (_stop.Token.Register(() => waiting.TrySetResult()))
            {
                await waiting.Task;
            }
        }
    }

    private async Task<Stream> ConnectAsync(IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server.Host, server.Port, _stop.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<Stream> TlsAsync(IPAddress from, string beginning)
    {
        var tls = await Http2Frames.TlsAsync(server, from, SslApplicationProtocol.Http11);
        if (beginning.Length > 0)
        {
            await tls.WriteAsync(Encoding.ASCII.GetBytes(beginning));
            _slow[tls] = true;
        }

        return tls;
    }

    private async Task FloodAsync(IPAddress from)
    {
        await using var connection = await Http2Frames.ConnectAsync(server, from);
        for (var i = 0; i < Streams; i++)
        {
            await connection.RequestAsync("PUT", "/spin_up_mandelbox", contentLength: 1 << 20);
        }

        await connection.Closed.WaitAsync(_stop.Token);
    }
}
