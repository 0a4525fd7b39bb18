using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Support;

/// <summary>A request as it arrived.</summary>
public sealed record EngineRequest(string Method, string Path, string Query, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>An HTTP server in place of an engine; the test says what it answers.</summary>
public sealed class LoopbackEngine : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string? _directory;

    private LoopbackEngine(WebApplication app, string? directory)
    {
        _app = app;
        _directory = directory;
    }

    public Uri Endpoint { get; private set; } = null!;

    public ConcurrentQueue<EngineRequest> Requests { get; } = new();

    public EngineRequest Request => Assert.Single(Requests);

    public static Task<LoopbackEngine> AnsweringAsync(int status, string body) => StartAsync(async context =>
    {
        context.Response.StatusCode = status;
        if (body.Length > 0)
        {
            context.Response.ContentType = "application/json";
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
        }
    });

    public static async Task<LoopbackEngine> StartAsync(RequestDelegate answer, bool tcp = false)
    {
        var directory = tcp ? null : Directory.CreateTempSubdirectory("engine-").FullName;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (directory is null)
            {
                kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            }
            else
            {
                kestrel.ListenUnixSocket(Path.Combine(directory, "engine.sock"));
            }
        });

        var engine = new LoopbackEngine(builder.Build(), directory);
        engine._app.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
            engine.Requests.Enqueue(new EngineRequest(
                context.Request.Method,
                context.Request.Path,
                Uri.UnescapeDataString(context.Request.QueryString.Value ?? ""),
                await reader.ReadToEndAsync(),
                headers));
            await answer(context);
        });
        await engine._app.StartAsync();
        var tcpAddress = engine._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        engine.Endpoint = directory is null
            ? new UriBuilder(tcpAddress) { Scheme = "tcp" }.Uri
            : new Uri($"unix://{directory}/engine.sock");
        return engine;
    }

    /// <summary>Never answers; completes when the caller gives up.</summary>
    public static Task HangAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        context.RequestAborted.Register(gone.SetResult);
        return gone.Task;
    }

    public async ValueTask DisposeAsync()
    {
        // Open streams are aborted.
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
        if (_directory is not null)
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
