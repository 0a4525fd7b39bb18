using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Packages.Sentry;

/// <summary>A server that takes envelopes, on loopback: what the SDK sends it is what a real one would get.</summary>
public sealed class SentryServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly Channel<Envelope> _received = Channel.CreateUnbounded<Envelope>();
    private readonly WebApplication _app;

    private SentryServer(WebApplication app) => _app = app;

    /// <summary>Answers the next requests; without it they are told 200.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public string Dsn
    {
        get
        {
            var address = new Uri(_app.Urls.First());
            return $"http://thepublickey@127.0.0.1:{address.Port}/some/path/42";
        }
    }

    /// <summary>Envelopes that came and that no test has looked at.</summary>
    public int Unread => _received.Reader.Count;

    public static async Task<SentryServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new SentryServer(app);
        app.Run(server.TakeAsync);
        await app.StartAsync();
        return server;
    }

    public async Task<Envelope> NextAsync() => await _received.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>The next event, whatever other items come before it.</summary>
    public async Task<JsonElement> NextEventAsync()
    {
        while (true)
        {
            var envelope = await NextAsync();
            if (envelope.Items.FirstOrDefault(item => item.Type == "event") is { } found)
            {
                return found.Payload;
            }
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        // As it is now: a test that has seen the envelope may already set the next answer.
        var answer = Answer;
        using var body = new MemoryStream();
        await using (var content = context.Request.Headers.ContentEncoding == "gzip"
            ? new GZipStream(context.Request.Body, CompressionMode.Decompress)
            : context.Request.Body)
        {
            await content.CopyToAsync(body);
        }

        var envelope = Envelope.Parse(context.Request.Path, context.Request.Headers["X-Sentry-Auth"].ToString(), body.ToArray());
        await _received.Writer.WriteAsync(envelope);
        await answer(context);
    }
}

/// <param name="Path">Of the request.</param>
/// <param name="Auth">The header that says who sends.</param>
public sealed record Envelope(string Path, string Auth, JsonElement Header, IReadOnlyList<EnvelopeItem> Items)
{
    /// <summary>As strict as a server: every item has a header, and exactly the length that it says.</summary>
    public static Envelope Parse(string path, string auth, byte[] body)
    {
        var rest = body.AsSpan();
        var header = JsonDocument.Parse(Line(ref rest)).RootElement;
        var items = new List<EnvelopeItem>();
        while (rest.Length > 0)
        {
            var itemHeader = JsonDocument.Parse(Line(ref rest)).RootElement;
            var length = itemHeader.GetProperty("length").GetInt32();
            var payload = Encoding.UTF8.GetString(rest[..length]);
            Assert.Equal((byte)'\n', rest[length]);
            rest = rest[(length + 1)..];
            items.Add(new EnvelopeItem(itemHeader.GetProperty("type").GetString()!, JsonDocument.Parse(payload).RootElement));
        }

        return new Envelope(path, auth, header, items);
    }

    private static string Line(ref Span<byte> rest)
    {
        var end = rest.IndexOf((byte)'\n');
        var line = Encoding.UTF8.GetString(rest[..end]);
        rest = rest[(end + 1)..];
        return line;
    }
}

public sealed record EnvelopeItem(string Type, JsonElement Payload);
