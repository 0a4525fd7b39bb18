using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using HostService.Gateway;
using HostService.Gateway.Tls;
using HostService.GrainInterfaces;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Gateway.Fakes;

/// <summary>
/// The gateway on its real server, over TLS, in front of fake grains. It listens on 127.0.0.1; to it, a client at 127.1.<i>x</i>.<i>y</i>
/// is a stranger at 203.0.<i>x</i>.<i>y</i>.
/// </summary>
[SuppressMessage("Security", "CA5359", Justification = "Talks to itself only.")]
[SuppressMessage("Security", "MA0039", Justification = "Talks to itself only.")]
public sealed class GatewayServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DirectoryInfo _private;
    private readonly Lock _gate = new();
    private readonly List<(int Count, TaskCompletionSource Seen)> _watchers = [];
    private int _begun;

    private GatewayServer(WebApplication app, DirectoryInfo directory, Action<IEndpointRouteBuilder> map)
    {
        _app = app;
        _private = directory;
        app.Use((context, next) =>
        {
            var answer = next(context);
            Begun();
            return answer;
        });
        map(app);
    }

    public Uri Address => new(_app.Urls.Single());

    /// <summary>Where the self-signed certificate lies.</summary>
    public string PrivateRoot => _private.FullName;

    public IServiceProvider Services => _app.Services;

    public RecordingShutdown Shutdown { get; private init; } = null!;

    public RecordingLogger<GatewayServer> Log { get; private init; } = null!;

    /// <summary>Loopback.</summary>
    public static IPAddress Operator { get; } = IPAddress.Loopback;

    /// <summary>Where a client sits that the server takes for a stranger; each number is another address.</summary>
    public static IPAddress Stranger(byte number) => new([127, 1, 113, number]);

    public static Task<GatewayServer> StartAsync(FakeGrains? grains = null, params (string Key, string Value)[] settings) =>
        StartAsync(NewDirectory(), isFleet: false, grains, settings);

    /// <summary>A fleet's gateway.</summary>
    public static Task<GatewayServer> StartFleetAsync(FakeGrains grains) => StartAsync(NewDirectory(), isFleet: true, grains);

    private static DirectoryInfo NewDirectory() => Directory.CreateTempSubdirectory("gateway-server-");

    /// <summary>Another server that keeps its certificate in the same directory.</summary>
    public Task<GatewayServer> StartAnotherAsync(params (string Key, string Value)[] settings) => StartAsync(_private, isFleet: false, null, settings);

    private static async Task<GatewayServer> StartAsync(
        DirectoryInfo directory, bool isFleet, FakeGrains? grains, params (string Key, string Value)[] settings)
    {
        var log = new RecordingLogger<GatewayServer>();
        var shutdown = new RecordingShutdown();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning).AddProvider(new Logs(log));
        builder.Configuration.AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(s.Key, s.Value)));
        builder.Configuration["Gateway:Address"] = "127.0.0.1";
        builder.Configuration["Gateway:Port"] ??= "0";
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.AddGatewayTls(directory.FullName);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureGatewayTls());
        builder.Services.AddSingleton<IConnectionListenerFactory, RelocatingTransport>();
        builder.Services.AddSingleton((grains ?? new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready)).Factory);
        builder.Services.AddSingleton<IHostName, GatewayHost.TestHostName>();
        builder.Services.AddSingleton<IShutdownSignal>(shutdown);
        builder.Services.AddSingleton(TimeProvider.System);
        if (isFleet)
        {
            builder.Services.AddFleetGateway(HostEnvironment.LocalDev);
        }
        else
        {
            builder.Services.AddGateway(HostEnvironment.LocalDev);
        }

        Action<IEndpointRouteBuilder> map = isFleet ? GatewaySetup.MapFleetGateway : GatewaySetup.MapGateway;
        var server = new GatewayServer(builder.Build(), directory, map) { Log = log, Shutdown = shutdown };
        try
        {
            await server._app.StartAsync();
            return server;
        }
        catch
        {
            await server._app.StopAsync();
            await server._app.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Completes once so many requests have reached the endpoints, and each of them has been answered or waits for something.
    /// </summary>
    public Task BegunAsync(int count)
    {
        lock (_gate)
        {
            if (_begun >= count)
            {
                return Task.CompletedTask;
            }

            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((count, seen));
            return seen.Task;
        }
    }

    /// <summary>Stops the web server, as the service does before it ends its mandelboxes: the application goes on.</summary>
    public Task StopServerAsync() => _app.Services.GetRequiredService<IServer>().StopAsync(CancellationToken.None);

    /// <summary>An ordinary client at this address.</summary>
    public HttpClient Client(IPAddress from) => new(new SocketsHttpHandler
    {
        SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = Address,
    };

    public Task<Http2Frames> Http2Async(IPAddress from) => Http2Frames.ConnectAsync(Address, from);

    public Task<SslStream> Http1Async(IPAddress from) => Http2Frames.TlsAsync(Address, from, SslApplicationProtocol.Http11);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        if (Directory.Exists(_private.FullName))
        {
            _private.Delete(recursive: true);
        }
    }

    private void Begun()
    {
        lock (_gate)
        {
            _begun++;
            foreach (var watcher in _watchers.Where(w => w.Count <= _begun).ToList())
            {
                _watchers.Remove(watcher);
                watcher.Seen.SetResult();
            }
        }
    }

    private sealed class Logs(ILogger log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
        }
    }

    /// <summary>The real transport, which tells other addresses of this machine's loopback network as addresses elsewhere.</summary>
    private sealed class RelocatingTransport(IOptions<SocketTransportOptions> options, ILoggerFactory loggers) : IConnectionListenerFactory
    {
        private readonly SocketTransportFactory _sockets = new(options, loggers);

        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await _sockets.BindAsync(endpoint, cancellationToken));
    }

    private sealed class Listener(IConnectionListener sockets) : IConnectionListener
    {
        public EndPoint EndPoint => sockets.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await sockets.AcceptAsync(cancellationToken);
            if (connection?.RemoteEndPoint is IPEndPoint from && from.Address.GetAddressBytes() is [127, 1, var x, var y])
            {
                connection.RemoteEndPoint = new IPEndPoint(new IPAddress([203, 0, x, y]), from.Port);
            }

            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => sockets.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => sockets.DisposeAsync();
    }
}
