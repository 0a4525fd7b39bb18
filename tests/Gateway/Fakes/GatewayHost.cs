using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using HostService.Gateway;
using HostService.Gateway.Operator;
using HostService.GrainInterfaces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Gateway.Fakes;

/// <summary>The gateway on ASP.NET's test server, in front of fake grains.</summary>
public sealed class GatewayHost : IAsyncDisposable
{
    public const string InstanceName = "test-host";
    public const string Outside = "203.0.113.7";
    private const string OwnAddress = "192.0.2.1";
    private const string RemoteHeader = "Test-Remote-Address";
    private const string LocalHeader = "Test-Local-Address";

    private readonly WebApplication _app;

    private GatewayHost(WebApplication app, FakeGrains grains, RecordingShutdown shutdown)
    {
        _app = app;
        Grains = grains;
        Shutdown = shutdown;
        Client = app.GetTestClient();
    }

    public FakeGrains Grains { get; }

    public RecordingShutdown Shutdown { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static Task<GatewayHost> LocalAsync(
        FakeGrains? grains = null, TimeProvider? clock = null, params (string Key, string Value)[] settings) =>
        StartAsync(HostEnvironment.LocalDev, grains, clock, settings);

    public static async Task<GatewayHost> StartAsync(
        HostEnvironment environment, FakeGrains? grains = null, TimeProvider? clock = null, params (string Key, string Value)[] settings)
    {
        grains ??= new FakeGrains();
        var shutdown = new RecordingShutdown();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Configuration.AddInMemoryCollection(
            settings.Select(s => new KeyValuePair<string, string?>(s.Key, s.Value)));
        builder.Services.AddSingleton<IHostName>(new TestHostName());
        builder.Services.AddSingleton(grains.Factory);
        builder.Services.AddSingleton<IShutdownSignal>(shutdown);
        builder.Services.AddSingleton(clock ?? TimeProvider.System);
        builder.Services.AddGateway(environment);
        var app = builder.Build();
        app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = AddressIn(context.Request.Headers[RemoteHeader]);
            context.Connection.LocalIpAddress = AddressIn(context.Request.Headers[LocalHeader]);
            return next(context);
        });
        app.MapGateway();
        app.MapGet("/guarded", () => "in").RequireOperator();
        await app.StartAsync();
        return new GatewayHost(app, grains, shutdown);
    }

    /// <summary>Sends a body as it is, from an address that is not this machine's.</summary>
    /// <param name="to">The address that the caller connected to. By default loopback for callers from loopback, and another one for others.</param>
    public Task<HttpResponseMessage> SendAsync(
        string method, string path, string? body = null, string from = Outside, string? bearer = null, string? to = null) =>
        SendContentAsync(method, path, body is null ? null : new ByteArrayContent(Encoding.UTF8.GetBytes(body)), from, bearer, to);

    public async Task<HttpResponseMessage> SendContentAsync(
        string method, string path, HttpContent? body, string from = Outside, string? bearer = null, string? to = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body };
        request.Headers.Add(RemoteHeader, from);
        request.Headers.Add(LocalHeader, to ?? (IPAddress.IsLoopback(IPAddress.Parse(from)) ? from : OwnAddress));
        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        return await Client.SendAsync(request);
    }

    /// <summary>Sends a request from this machine; returns once the head of the answer has come.</summary>
    public Task<HttpResponseMessage> SendFromLoopbackAsync(HttpRequestMessage request)
    {
        request.Headers.Add(RemoteHeader, "127.0.0.1");
        request.Headers.Add(LocalHeader, "127.0.0.1");
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public Task<HttpResponseMessage> SpinUpAsync(object body, string from = Outside) =>
        SendAsync("PUT", "/spin_up_mandelbox", JsonSerializer.Serialize(body), from);

    internal sealed class TestHostName : IHostName
    {
        public string InstanceName => GatewayHost.InstanceName;
    }

    private static IPAddress? AddressIn(string? header) => string.IsNullOrEmpty(header) ? null : IPAddress.Parse(header);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

/// <summary>Takes note of what would end the service.</summary>
public sealed class RecordingShutdown : IShutdownSignal
{
    private readonly TaskCompletionSource<(string Reason, bool Force)> _requested = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<(string Reason, bool Force)> Requested => _requested.Task;

    public void Request(string reason, bool force) => _requested.TrySetResult((reason, force));
}
