using System.Net;
using System.Net.Sockets;

namespace HostService.Tests.Support;

/// <summary>
/// A way to a server on which packets can get lost: then connections stay, and new ones are made, but nothing comes through, in neither
/// direction. What was sent meanwhile arrives once it passes again.
/// </summary>
public sealed class SilentWay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly EndPoint _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _accepting;
    private TaskCompletionSource _open = Opened();
    private (byte[] Text, TaskCompletionSource Seen)? _awaited;

    /// <param name="server">An address, or a unix socket.</param>
    public SilentWay(EndPoint server)
    {
        _server = server;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on.</summary>
    public void FallSilent()
    {
        lock (_gate)
        {
            _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>As soon as the client sends this, which no longer comes through. Completes then.</summary>
    public Task FallSilentAtAsync(ReadOnlySpan<byte> text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _awaited = (text.ToArray(), seen);
        }

        return seen.Task;
    }

    public void PassAgain()
    {
        lock (_gate)
        {
            _open.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private async Task AcceptAsync()
    {
        var ways = new List<Task>();
        try
        {
            while (true)
            {
                ways.Add(PassAsync(await _listener.AcceptSocketAsync(_stop.Token)));
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            await Task.WhenAll(ways);
        }
    }

    private async Task PassAsync(Socket accepted)
    {
        using var client = new NetworkStream(accepted, ownsSocket: true);
        try
        {
            await PassesAsync();
            using var socket = _server is UnixDomainSocketEndPoint
                ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(_server, _stop.Token);
            using var server = new NetworkStream(socket);
            // Either side may end it.
            await Task.WhenAny(CopyAsync(client, server, isClients: true), CopyAsync(server, client, isClients: false));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The test or the server has ended.
            return;
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, bool isClients)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.ReadAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (isClients)
                {
                    Look(buffer.AsSpan(0, count));
                }

                await PassesAsync();
                await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
            }

            // The end of a connection is a packet, too.
            await PassesAsync();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // One of the two has gone.
            return;
        }
    }

    private void Look(ReadOnlySpan<byte> sent)
    {
        lock (_gate)
        {
            if (_awaited is { } awaited && sent.IndexOf(awaited.Text) >= 0)
            {
                _awaited = null;
                _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                awaited.Seen.SetResult();
            }
        }
    }

    private Task PassesAsync()
    {
        lock (_gate)
        {
            return _open.Task.WaitAsync(_stop.Token);
        }
    }
}
