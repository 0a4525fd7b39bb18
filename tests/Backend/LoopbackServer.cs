using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Backend;

/// <summary>What came in.</summary>
internal sealed record Received(string Method, string Path, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>A real HTTP server on loopback that records each request before it answers as a test tells it to.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Received> _received = new();
    private readonly SemaphoreSlim _arrivals = new(0);

    private LoopbackServer(Func<Received, (int Status, string Body)> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = new Received(
                context.Request.Method,
                context.Request.Path,
                await reader.ReadToEndAsync(),
                context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
            _received.Enqueue(request);
            _arrivals.Release();
            var (status, body) = answer(request);
            context.Response.StatusCode = status;
            if (status is >= 300 and < 400)
            {
                context.Response.Headers.Location = body;
            }

            await context.Response.WriteAsync(body);
        });
    }

    public string Url => _app.Urls.Single();

    public static async Task<LoopbackServer> StartAsync(Func<Received, (int Status, string Body)> answer)
    {
        var server = new LoopbackServer(answer);
        await server._app.StartAsync();
        return server;
    }

    /// <summary>The next request that was not asked for before.</summary>
    public async Task<Received> NextAsync()
    {
        await _arrivals.WaitAsync();
        return _received.TryDequeue(out var request) ? request : throw new InvalidOperationException("A signal without a request.");
    }

    /// <summary>Requests that were not asked for yet.</summary>
    public int Waiting => _received.Count;

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _arrivals.Dispose();
    }
}
