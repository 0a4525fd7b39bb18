using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HostService.Tests.Backend;

/// <summary>A way to the server on which a commit can get lost: the question, or only its answer. The connection breaks with it.</summary>
internal sealed class LossyWay : IAsyncDisposable
{
    // With its end: a transaction begins with READ COMMITTED.
    private static readonly byte[] Commit = Encoding.ASCII.GetBytes("COMMIT\0");
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _loseAnswer;
    private int _loseQuestion;
    private TaskCompletionSource? _held;

    /// <param name="server">The server's unix socket.</param>
    public LossyWay(string server)
    {
        _server = server;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string ConnectionString =>
        $"Host=127.0.0.1;Port={((IPEndPoint)_listener.LocalEndpoint).Port};Username=postgres;Database=postgres;SSL Mode=Disable;GSS "
            + "Encryption Mode=Disable";

    /// <summary>The next commit takes place, and nobody hears of it.</summary>
    public void LoseNextAnswer() => _loseAnswer = 1;

    /// <summary>The next commit never reaches the server.</summary>
    public void LoseNextQuestion() => _loseQuestion = 1;

    /// <summary>The next commit reaches the server, which completes the task; its answer never comes, and the connection stays.</summary>
    public Task HoldNextAnswerAsync()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held = held;
        return held.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
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
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_server), _stop.Token);
        using var server = new NetworkStream(socket);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var losing = new TaskCompletionSource();
        var holding = new TaskCompletionSource();
        await Task.WhenAny(
            ForthAsync(client, server, losing, holding, broken.Token), BackAsync(server, client, losing, holding, broken.Token));
        await broken.CancelAsync();
    }

    /// <summary>Ends when the connection is to break.</summary>
    private async Task ForthAsync(
        NetworkStream client,
        NetworkStream server,
        TaskCompletionSource losing,
        TaskCompletionSource holding,
        CancellationToken cancellationToken)
    {
        var buffer = new byte[65536];
        try
        {
            while (await client.ReadAsync(buffer, cancellationToken) is var count and > 0)
            {
                TaskCompletionSource? held = null;
                if (buffer.AsSpan(0, count).IndexOf(Commit) >= 0)
                {
                    held = Interlocked.Exchange(ref _held, null);
                    if (held is not null)
                    {
                        holding.SetResult();
                    }

                    if (Interlocked.Exchange(ref _loseQuestion, 0) == 1)
                    {
                        return;
                    }

                    if (Interlocked.Exchange(ref _loseAnswer, 0) == 1)
                    {
                        losing.SetResult();
                    }
                }

                await server.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                held?.SetResult();
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // One of the two has gone.
            return;
        }
    }

    private static async Task BackAsync(
        NetworkStream server,
        NetworkStream client,
        TaskCompletionSource losing,
        TaskCompletionSource holding,
        CancellationToken cancellationToken)
    {
        var buffer = new byte[65536];
        try
        {
            // What the server says once a commit has reached it is that it took place.
            while (await server.ReadAsync(buffer, cancellationToken) is var count and > 0 && !losing.Task.IsCompleted)
            {
                if (!holding.Task.IsCompleted)
                {
                    await client.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                }
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            return;
        }
    }
}
