using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway;
using HostService.Gateway.Tls;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;

namespace HostService.Silo.Fleet;

/// <summary>
/// Connects the host to its fleet: reports what the host has, and passes the fleet's calls on to the host's grains. While the host
/// service does not answer, it is not connected, so that the fleet knows.
/// </summary>
internal sealed partial class RelayService(
    IClusterClient grains,
    IHostName host,
    HostUpgrades upgrades,
    IOptions<RelayOptions> options,
    IOptions<GatewayOptions> gateway,
    TimeProvider timeProvider,
    ILogger<RelayService> logger)
    : BackgroundService
{
    /// <summary>At least as often as this a report is due; the fleet takes a host for away after some that are missing.</summary>
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(2);

    /// <summary>At most as often as this: a busy host has many events, and the fleet counts what it has placed itself.</summary>
    private static readonly TimeSpan ShortestReportInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For the grains of this host, which answer from memory.</summary>
    private static readonly TimeSpan HostTimeout = TimeSpan.FromSeconds(4);

    private readonly TaskCompletionSource<Uri> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Why each gateway is not connected, as far as the log has it; since the last connection.</summary>
    private readonly Dictionary<Uri, string> _told = [];

    private TimeSpan _pause = FirstPause;

    /// <summary>Why the last certificate was refused.</summary>
    private string? _refusal;

    /// <summary>Completed by the first connection, with the address of the gateway.</summary>
    public Task<Uri> Connected => _connected.Task;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(host.InstanceName));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var addresses = options.Value.Addresses;
        for (var turn = 0; !stoppingToken.IsCancellationRequested; turn++)
        {
            var address = addresses[turn % addresses.Count];
            try
            {
                // Before the connection: a host that does not answer has nothing to offer.
                var first = await ReadReportAsync();
                await using var connection = Connect(address);
                await RunAsync(connection, address, first, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (ConnectionLostException exception)
            {
                LogLost(address, exception.Message);
            }
            catch (Exception exception)
            {
                // Once for each cause: the tries go on and on.
                var why = ReasonOf(exception);
                if (_told.GetValueOrDefault(address) != why)
                {
                    _told[address] = why;
                    LogNotConnected(address, why);
                }
            }

            await Task.Delay(_pause, timeProvider, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _pause = Backoff.Next(_pause, LongestPause);
        }
    }

    /// <summary>In words of what to do, where .NET's say nothing.</summary>
    private string ReasonOf(Exception exception)
    {
        var innermost = exception.GetBaseException();
        return Interlocked.Exchange(ref _refusal, null) is { } refusal ? $"its certificate is refused: {refusal}"
            : exception is WebSocketException && innermost.Message.Contains("'403'", StringComparison.Ordinal)
                ? "the fleet refuses this host; its log says why"
            : exception is WebSocketException && innermost.Message.Contains("'404'", StringComparison.Ordinal)
                ? "no fleet answers there: is it the address of a host?"
            : innermost.Message;
    }

    /// <summary>Until the connection is lost, or the host does not answer.</summary>
    private async Task RunAsync(HubConnection connection, Uri address, HostReport first, CancellationToken stoppingToken)
    {
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        Exception? why = null;
        connection.Closed += exception =>
        {
            why = exception;
            return lost.CancelAsync();
        };
        await ConnectAsync(connection, stoppingToken);
        LogConnected(address, host.InstanceName);
        _connected.TrySetResult(address);
        _told.Clear();
        _pause = FirstPause;
        try
        {
            await ReportAsync(connection, first, lost.Token);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !stoppingToken.IsCancellationRequested)
        {
            throw new ConnectionLostException(why?.Message ?? "the gateway closed it", why);
        }
    }

    private static async Task ConnectAsync(HubConnection connection, CancellationToken stoppingToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        late.CancelAfter(ConnectTimeout);
        try
        {
            await connection.StartAsync(late.Token);
        }
        catch (OperationCanceledException exception) when (!stoppingToken.IsCancellationRequested)
        {
            throw new TimeoutException($"it did not answer within {ConnectTimeout.TotalSeconds:0} s", exception);
        }
    }

    /// <summary>Reports at each event of the host, and in any case from time to time.</summary>
    private async Task ReportAsync(HubConnection connection, HostReport first, CancellationToken lost)
    {
        var report = first;
        var read = (await Host.ListEvents(1).WaitAsync(HostTimeout, lost)).Select(e => e.Sequence).DefaultIfEmpty(0).Last();
        while (true)
        {
            await connection.InvokeAsync(RelayProtocol.Report, report, lost);
            using var due = CancellationTokenSource.CreateLinkedTokenSource(lost);
            due.CancelAfter(ReportInterval);
            try
            {
                await Task.Delay(ShortestReportInterval, timeProvider, lost);
                var events = await Host.ReadEvents(read, HostEvents.Kept, due.Token).WaitAsync(due.Token);
                read = events.Count > 0 ? events[^1].Sequence : read;
            }
            catch (OperationCanceledException) when (!lost.IsCancellationRequested)
            {
                // Nothing happened.
            }

            report = await ReadReportAsync();
        }
    }

    private async Task<HostReport> ReadReportAsync()
    {
        try
        {
            var described = Host.Describe();
            var listed = Host.ListMandelboxes();
            await Task.WhenAll(described, listed).WaitAsync(HostTimeout);
            var known = await described;
            return HostReports.Of(known, await listed, upgrades.Last, options.Value.PageOf(known.Identity.PublicIpv4, gateway.Value));
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            throw new IOException("the host service of this machine does not answer", exception);
        }
    }

    private HubConnection Connect(Uri address)
    {
        var builder = new HubConnectionBuilder().WithUrl(
            new Uri(address, $"{RelayProtocol.Path}?{RelayProtocol.HostParameter}={Uri.EscapeDataString(host.InstanceName)}"),
            http =>
            {
                http.Transports = HttpTransportType.WebSockets;
                http.SkipNegotiation = true;
                var certificate = options.Value.ReadCertificate();
                http.WebSocketConfiguration = socket =>
                {
                    socket.Proxy = null;
                    if (certificate is not null)
                    {
                        socket.ClientCertificates.Add(certificate);
                    }

                    if (options.Value.CaPath.Length > 0)
                    {
                        socket.RemoteCertificateValidationCallback = IsOfFleet;
                    }
                    else if (address.IsLoopback)
                    {
                        // The gateway's own certificate is self-signed and new at each start.
#pragma warning disable CA5359
                        socket.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
                    }
                };
            });
        builder.AddJsonProtocol(json => RelayProtocol.Configure(json.PayloadSerializerOptions));
        var connection = builder.Build();
        connection.KeepAliveInterval = RelayProtocol.KeepAlive;
        connection.ServerTimeout = RelayProtocol.Silence;
        AddCalls(connection);
        return connection;
    }

    /// <summary>Handlers of which each starts its work and returns, so that none waits for another.</summary>
    private void AddCalls(HubConnection connection)
    {
        connection.On<string, string?>(nameof(IHostCalls.Reserve), id => Host.Reserve(id));
        connection.On<string, bool>(nameof(IHostCalls.CancelReservation), id => DoneAsync(Host.CancelReservation(id)));
        connection.On<string, SpinUpRequest, SpinUpAnswer>(
            nameof(IHostCalls.SpinUp), (id, request) => StartedAsync(() => Mandelbox(id).SpinUp(request)));
        connection.On<string, string, bool>(
            nameof(IHostCalls.Stop), (id, reason) => StartedAsync(() => Mandelbox(id).Stop(reason)));
        connection.On<string, MandelboxDiagnostics?>(nameof(IHostCalls.Explain), ExplainAsync);
        connection.On<string, bool>(nameof(IHostCalls.Drain), reason => DoneAsync(Host.RequestShutdown(reason, force: false)));
        connection.On(nameof(IHostCalls.CancelDrain), () => Host.CancelDrain());
        connection.On<string, string, string?>(nameof(IHostCalls.Upgrade), upgrades.Begin);
    }

    private async Task<MandelboxDiagnostics?> ExplainAsync(string id) =>
        (await Mandelbox(id).DescribeSteps() ?? await Host.FindEnded(id)) is { } timeline
            ? MandelboxDiagnostics.Of(timeline, await Host.ListEvents(RelayProtocol.MostEvents, id))
            : null;

    /// <summary>
    /// Until the host has taken the mandelboxes of its last run over, it knows none of them: it would call one gone that goes on.
    /// </summary>
    private async Task<T> StartedAsync<T>(Func<Task<T>> call) => (await Host.Describe()).Status == HostStatus.Starting
        ? throw new HostAwayException("it is starting")
        : await call();

    private static async Task<bool> DoneAsync(Task call)
    {
        await call;
        return true;
    }

    private IMandelboxGrain Mandelbox(string id) => grains.GetGrain<IMandelboxGrain>(id);

    private bool IsOfFleet(object sender, X509Certificate? certificate, X509Chain? _, SslPolicyErrors errors)
    {
        _refusal = errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? "it is not for this address"
            : CertificateAuthority.Refusal(certificate, options.Value.CaPath, CertificateAuthority.Server);
        return _refusal is null;
    }

    [LoggerMessage(LogLevel.Information, "Connected to {Address} as host {Host}")]
    private partial void LogConnected(Uri address, string host);

    [LoggerMessage(LogLevel.Warning, "The connection to {Address} is lost: {Reason}")]
    private partial void LogLost(Uri address, string reason);

    [LoggerMessage(LogLevel.Warning, "Not connected to {Address}: {Reason}")]
    private partial void LogNotConnected(Uri address, string reason);

    private sealed class ConnectionLostException(string message, Exception? inner) : Exception(message, inner);
}
