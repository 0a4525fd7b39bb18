using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service.Hostile;

/// <summary>A stranger that sends one bad request after another, over connections of its own.</summary>
/// <param name="answers">Counts what came back, by kind of request and status.</param>
internal sealed class HostileCaller(Uri server, IPAddress from, ConcurrentDictionary<string, int> answers) : IAsyncDisposable
{
    /// <summary>Longer than any timeout by which the server ends a bad request.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    private SslStream? _http1;
    private StreamReader? _answers;
    private Http2Frames? _http2;

    /// <summary>Sends the request of this seed. A 5xx that the contract does not know fails the test.</summary>
    public async Task SendAsync(int seed)
    {
        var random = new Random(seed);
        var (kind, sending) = random.Next(20) switch
        {
            0 => ("TLS", HandshakeAsync(random)),
            1 => ("frames", FramesAsync(random)),
            < 4 => ("HTTP/2", Http2Async(random)),
            < 7 => ("broken HTTP", BrokenAsync(random)),
            _ => ("body", ReadableAsync(random)),
        };
        try
        {
            var answer = await sending.WaitAsync(AnswerTimeout);
            answers.AddOrUpdate($"{kind} {(answer.Status == 0 ? "no answer" : answer.Status)}", 1, (_, count) => count + 1);
            // 505: a version of HTTP that does not exist.
            Assert.True(
                answer.Status is < 500 or 505 || answer is { Status: 503, SaysWhen: true }, $"seed {seed}: {kind} was answered with {answer}");
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"seed {seed}: {kind} was not answered", exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Forget();
        if (_http2 is not null)
        {
            await _http2.DisposeAsync();
        }
    }

    private void Forget()
    {
        _answers?.Dispose();
        _http1?.Dispose();
        (_answers, _http1) = (null, null);
    }

    private async Task<Answer> ReadableAsync(Random random)
    {
        var (method, request) = HostileRequests.Readable(random);
        try
        {
            _http1 ??= await Http2Frames.TlsAsync(server, from, SslApplicationProtocol.Http11);
            _answers ??= new StreamReader(_http1, Encoding.Latin1);
            await _http1.WriteAsync(request);
            var (answer, stays) = await ReadAsync(_answers, hasBody: method != "HEAD");
            if (!stays)
            {
                Forget();
            }

            return answer;
        }
        catch (IOException)
        {
            // The server has ended the connection, which it may while the request is still being sent.
            Forget();
            return default;
        }
    }

    private async Task<Answer> BrokenAsync(Random random)
    {
        try
        {
            await using var tls = await Http2Frames.TlsAsync(server, from, SslApplicationProtocol.Http11);
            await tls.WriteAsync(HostileRequests.Broken(random));
            await tls.ShutdownAsync();
            using var reader = new StreamReader(tls, Encoding.Latin1);
            return (await ReadAsync(reader, hasBody: false)).Answer;
        }
        catch (IOException)
        {
            return default;
        }
    }

    private async Task<Answer> FramesAsync(Random random)
    {
        try
        {
            await using var tls = await Http2Frames.TlsAsync(server, from, SslApplicationProtocol.Http2);
            await tls.WriteAsync(HostileRequests.Frames(random));
            await tls.ShutdownAsync();
            await tls.CopyToAsync(Stream.Null);
        }
        catch (IOException)
        {
            // As one may end a connection that breaks the protocol.
        }

        return default;
    }

    private async Task<Answer> Http2Async(Random random)
    {
        var (method, path) = HostileRequests.Endpoint(random);
        var body = HostileBodies.Next(random, path);
        try
        {
            if (_http2 is null || _http2.Closed.IsCompleted)
            {
                await (_http2?.DisposeAsync() ?? ValueTask.CompletedTask);
                _http2 = await Http2Frames.ConnectAsync(server, from);
            }

            var stream = await _http2.RequestAsync(method, path, body.Length);
            for (var sent = 0; sent < body.Length; sent += 16_000)
            {
                var part = body.AsMemory(sent, Math.Min(16_000, body.Length - sent));
                await _http2.DataAsync(stream, part, last: sent + part.Length == body.Length);
            }

            if (body.Length == 0)
            {
                await _http2.DataAsync(stream, body, last: true);
            }

            // These frames show the status alone; a 503 by itself is of the limits, which the other kinds look at. No status: the server
            // refuses a stream while 16 others linger whose bodies it has not read.
            return new Answer(await _http2.StatusAsync(stream), SaysWhen: true);
        }
        catch (IOException)
        {
            return default;
        }
    }

    private async Task<Answer> HandshakeAsync(Random random)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server.Host, server.Port);
            await socket.SendAsync(HostileRequests.Handshake(random));
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer) > 0)
            {
                // An alert, or the server's half of the handshake.
            }
        }
        catch (SocketException)
        {
            // Reset.
        }

        return default;
    }

    /// <summary>Reads one answer, also a part of one. Whether the connection can be used again.</summary>
    private static async Task<(Answer Answer, bool Stays)> ReadAsync(StreamReader from, bool hasBody)
    {
        if (await from.ReadLineAsync() is not { Length: >= 12 } statusLine)
        {
            return (default, false);
        }

        var status = int.Parse(statusLine[9..12], CultureInfo.InvariantCulture);
        var (length, isChunked, stays, saysWhen) = (0, false, true, false);
        while (await from.ReadLineAsync() is { Length: > 0 } field)
        {
            if (field.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
            {
                length = int.Parse(field[15..], CultureInfo.InvariantCulture);
            }

            isChunked |= field.StartsWith("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase);
            stays &= !field.StartsWith("Connection: close", StringComparison.OrdinalIgnoreCase);
            saysWhen |= field.StartsWith("Retry-After:", StringComparison.OrdinalIgnoreCase);
        }

        if (hasBody && isChunked)
        {
            do
            {
                length = int.Parse(await from.ReadLineAsync() ?? "0", NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                await from.ReadBlockAsync(new char[length + 2]);
            }
            while (length > 0);
        }
        else if (hasBody && length > 0)
        {
            await from.ReadBlockAsync(new char[length]);
        }

        return (new Answer(status, saysWhen), stays);
    }

    /// <param name="Status">0 where there was none: the server has ended the connection.</param>
    /// <param name="SaysWhen">It has a Retry-After.</param>
    private readonly record struct Answer(int Status, bool SaysWhen);
}
