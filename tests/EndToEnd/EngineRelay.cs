using System.Net.Sockets;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>A way to the engine that a test can break for good; the engine itself goes on.</summary>
internal sealed class EngineRelay : IAsyncDisposable
{
    private readonly string _engine;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _accepting;

    public EngineRelay(Uri engine, ScratchDirectory directory)
    {
        _engine = engine.LocalPath;
        Endpoint = new Uri($"unix://{directory["relay.sock"]}");
        _listener.Bind(new UnixDomainSocketEndPoint(Endpoint.LocalPath));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public Uri Endpoint { get; }

    /// <summary>Ends all connections, and takes no more.</summary>
    public async Task BreakAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
    }

    public async ValueTask DisposeAsync()
    {
        await BreakAsync();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(PassAsync(await _listener.AcceptAsync(_stop.Token)));
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task PassAsync(Socket accepted)
    {
        using var client = new NetworkStream(accepted, ownsSocket: true);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_engine), _stop.Token);
        using var engine = new NetworkStream(socket);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task[] ways = [client.CopyToAsync(engine, either.Token), engine.CopyToAsync(client, either.Token)];
        await Task.WhenAny(ways);
        await either.CancelAsync();
        await Task.WhenAll(ways).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
