using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HostService.Tests.Support;

/// <summary>A user's connection to a TCP port of the demo, which says who it is, and again for each line that it gets.</summary>
public sealed class DemoConnection : IDisposable
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    private readonly TcpClient _client;
    private readonly StreamReader _lines;

    private DemoConnection(TcpClient client)
    {
        _client = client;
        _lines = new StreamReader(client.GetStream(), Encoding.ASCII);
    }

    /// <summary>What it said first: <c>mandelbox=… tty=…</c>.</summary>
    public string FirstLine { get; private set; } = "";

    /// <summary>Connects again while the demo is still coming up, for locally nobody waits for the app inside (B1).</summary>
    public static async Task<DemoConnection> OpenAsync(int port)
    {
        using var limit = new CancellationTokenSource(AnswerTimeout);
        while (true)
        {
            if (await TryOpenAsync(port, limit.Token) is { } connection)
            {
                return connection;
            }
        }
    }

    /// <summary>Sends a line, and returns the answer; null when the connection has been closed.</summary>
    public async Task<string?> SayAsync(string line)
    {
        await _client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"{line}\n"));
        return await _lines.ReadLineAsync().WaitAsync(AnswerTimeout);
    }

    public void Dispose()
    {
        _lines.Dispose();
        _client.Dispose();
    }

    private static async Task<DemoConnection?> TryOpenAsync(int port, CancellationToken cancellationToken)
    {
        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            var connection = new DemoConnection(client);
            if (await connection._lines.ReadLineAsync(cancellationToken) is { } line)
            {
                connection.FirstLine = line;
                return connection;
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException && !cancellationToken.IsCancellationRequested)
        {
            // Not listening yet. The engine's proxy, which listens already, closes the connection.
        }

        client.Dispose();
        return null;
    }
}
