using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Metrics;
using HostService.Silo.Hosting;
using HostService.Silo.Shutdown;

namespace HostService.Silo.Background;

/// <summary>
/// What runs beside the grains for as long as the service does: engine events, metrics, GPUs, the firewall, the row's heartbeat, the
/// webserver, systemd's status line. None of them works on a grain's turn; each tells the grains what it found.
/// </summary>
public sealed partial class BackgroundParts(
    IGrainFactory grains,
    HostInfoSource facts,
    ContainerEventStream stream,
    ContainerEventDispatcher events,
    GpuMonitor gpus,
    MetricsCache readings,
    HeartbeatLoop heartbeat,
    StaleRowSweep sweep,
    IWebserver webserver,
    StatusLine statusLine,
    WayOutRequest wayOut,
    MetricsWatch metrics,
    DaemonReloadMonitor reloads,
    FirewallMonitor firewall,
    TimeProvider timeProvider,
    ILogger<BackgroundParts> logger) : IDisposable
{
    private readonly StreamConsumer _following = new(timeProvider, logger);
    private readonly CancellationTokenSource _stopEvents = new();
    private readonly CancellationTokenSource _stopRest = new();
    private readonly List<Task> _rest = [];
    private readonly CancellationTokenSource _stopWebserver = new();
    private Task _events = Task.CompletedTask;
    private volatile bool _live;
    private bool _engineSeen;
    private Task _webserver = Task.CompletedTask;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(facts.Current.Identity.InstanceName));

    /// <param name="registered">Whether the host's row in the database is ours.</param>
    /// <param name="lacking">Why no mandelbox can come up on this machine, if none can.</param>
    public async Task StartAsync(bool registered, string? lacking)
    {
        await Host.SetNotReady("machine", lacking);
        _events = Task.Run(PumpAsync);
        _rest.Add(Task.Run(WatchMetricsAsync));
        _rest.Add(Task.Run(WatchGpusAsync));
        _rest.Add(Task.Run(WatchFirewallAsync));
        _rest.Add(Task.Run(WatchStatusAsync));
        _rest.Add(Task.Run(() => reloads.RunAsync(_stopRest.Token)));
        _webserver = Task.Run(() => webserver.RunAsync(_stopWebserver.Token));
        if (registered)
        {
            heartbeat.Start(facts.Current.Identity.InstanceName, readings.HostFigures, EndNotWanted);
            sweep.Start(facts.Current.Identity.InstanceName, EndNotWanted);
        }

        await Host.SetStatus(HostStatus.Active);
        _live = true;
    }

    /// <summary>For the watchdog: fails when grain calls are not answered.</summary>
    public Task ProveProgressAsync(CancellationToken cancellationToken) =>
        _live ? Host.Describe().WaitAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>No event is told any more, and what the last ones began is done, or given up when the token is cancelled.</summary>
    public async Task StopEventsAsync(CancellationToken cancellationToken)
    {
        await _stopEvents.CancelAsync();
        await _events.WaitAsync(cancellationToken);
        await events.EndAsync(cancellationToken);
    }

    /// <summary>No heartbeat to the webserver follows; the dying one may.</summary>
    public async Task StopWebserverAsync(CancellationToken cancellationToken)
    {
        await _stopWebserver.CancelAsync();
        await _webserver.WaitAsync(cancellationToken);
    }

    public async Task StopRestAsync(CancellationToken cancellationToken)
    {
        await _stopRest.CancelAsync();
        await Task.WhenAll(_rest).WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        _stopEvents.Dispose();
        _stopRest.Dispose();
        _stopWebserver.Dispose();
    }

    // However often it is said: the first request for the end is the one that counts.
    private void EndNotWanted(string why) => wayOut.Request(new End(EndCause.NotWanted, why, ExitCodes.Ended));

    private async Task PumpAsync()
    {
        try
        {
            await stream.RunAsync(events, _stopEvents.Token);
        }
        catch (Exception exception)
        {
            // Boundary: without its events the host cannot know what lives. It ends the clean way.
            LogEventsLost(exception);
            wayOut.Request(new End(EndCause.EngineLost, exception.Message, ExitCodes.EngineLost));
        }
    }

    private Task WatchGpusAsync() =>
        _following.RunAsync("GPUs", gpus.WatchAsync, Host.ReportGpus, _stopRest.Token);

    private Task WatchMetricsAsync() => _following.RunAsync("metrics", metrics.WatchAsync, reading =>
    {
        readings.Latest = reading;
        return Host.ReportMetrics(reading);
    }, _stopRest.Token);

    private Task WatchFirewallAsync() =>
        _following.RunAsync("firewall", firewall.WatchAsync, reason => Host.SetNotReady("firewall", reason), _stopRest.Token);

    private async Task TellSystemdAsync()
    {
        var host = await Host.Describe();
        var status = $"{host.Mandelboxes} mandelboxes, {host.Slots.Free} of {host.Slots.Capacity} slots free";
        if (host.NotReady.Count > 0)
        {
            status += $"; not ready: {string.Join("; ", host.NotReady)}";
        }

        statusLine.Say(status);
    }

    private async Task WatchStatusAsync()
    {
        while (!_stopRest.IsCancellationRequested)
        {
            await _following.TryAsync("engine", TellOfEngineAsync, _stopRest.Token);
            await _following.TryAsync("status", TellSystemdAsync, _stopRest.Token);
            await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(1), timeProvider, _stopRest.Token));
        }
    }

    /// <summary>A host whose engine is away takes no work. Before the first connection start-up itself has just asked the engine.</summary>
    private async Task TellOfEngineAsync()
    {
        _engineSeen |= stream.IsConnected;
        if (_engineSeen)
        {
            await Host.SetNotReady("engine", stream.IsConnected ? null : "the container engine does not answer");
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The engine's events are lost")]
    private partial void LogEventsLost(Exception exception);
}
