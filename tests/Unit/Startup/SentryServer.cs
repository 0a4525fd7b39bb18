using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Unit.Startup;

/// <summary>Takes what the Sentry SDK sends, on loopback.</summary>
internal sealed class SentryServer : IAsyncDisposable
{
    private readonly Channel<JsonElement> _events = Channel.CreateUnbounded<JsonElement>();
    private readonly ConcurrentQueue<string> _received = new();
    private readonly WebApplication _app;
    private readonly bool _isOfThisProcess;

    private SentryServer(WebApplication app, bool isOfThisProcess) => (_app, _isOfThisProcess) = (app, isOfThisProcess);

    public string Dsn => $"http://key@127.0.0.1:{new Uri(_app.Urls.First()).Port}/1";

    /// <summary>Everything that has been sent, also what is not an event.</summary>
    public string Text => string.Join('\n', _received);

    /// <summary>When set, the answer to what is sent waits for it.</summary>
    public Task Answers { get; set; } = Task.CompletedTask;

    /// <summary>Takes the events that no test has read yet; what each says.</summary>
    public string[] TakeUnread()
    {
        var unread = new List<string>();
        while (_events.Reader.TryRead(out var report))
        {
            unread.Add(report.TryGetProperty("logentry", out var entry) ? entry.GetRawText() : report.GetRawText());
        }

        return [.. unread];
    }

    /// <param name="isOfThisProcess">
    /// Whether the SDK is that of the tests' own process. It also reports tasks that earlier tests have left: they are no event here.
    /// </param>
    public static async Task<SentryServer> StartAsync(bool isOfThisProcess = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new SentryServer(app, isOfThisProcess);
        app.Run(server.TakeAsync);
        await app.StartAsync();
        return server;
    }

    public Task<JsonElement> NextEventAsync() => _events.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));

    /// <summary>The next event that was not read before and is about this.</summary>
    public async Task<JsonElement> NextEventAsync(string message)
    {
        while (true)
        {
            var next = await NextEventAsync();
            if (next.GetProperty("logentry").GetRawText().Contains(message, StringComparison.Ordinal))
            {
                return next;
            }
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // An envelope is a header line, then a header line and a payload line for each item. No payload of an event holds a line feed.
    private async Task TakeAsync(HttpContext context)
    {
        await using var body = context.Request.Headers.ContentEncoding == "gzip"
            ? new GZipStream(context.Request.Body, CompressionMode.Decompress)
            : context.Request.Body;
        using var reader = new StreamReader(body);
        var text = await reader.ReadToEndAsync();
        _received.Enqueue(text);
        var lines = text.Split('\n');
        for (var i = 1; i + 1 < lines.Length; i += 2)
        {
            using var header = JsonDocument.Parse(lines[i]);
            var isEvent = header.RootElement.GetProperty("type").GetString() == "event";
            if (isEvent && !(_isOfThisProcess && lines[i + 1].Contains("\"UnobservedTaskException\"", StringComparison.Ordinal)))
            {
                using var payload = JsonDocument.Parse(lines[i + 1]);
                await _events.Writer.WriteAsync(payload.RootElement.Clone());
            }
        }

        await Answers;
    }
}
