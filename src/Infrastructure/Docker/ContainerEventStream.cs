using System.Diagnostics.Metrics;
using HostService.Infrastructure.Linux.Systemd;

namespace HostService.Infrastructure.Docker;

/// <summary>
/// Delivers the engine's events (B19–B21). After a break it reconnects, asks for missed events, drops duplicates, starts the engine's unit
/// where permitted, and gives up with <see cref="ContainerEngineLostException"/> when the engine does not come back.
/// </summary>
public sealed partial class ContainerEventStream(
    IContainerEngine engine,
    ISystemd systemd,
    IOptions<HostOptions> host,
    IOptions<DockerOptions> options,
    IOptions<SystemdOptions> systemdOptions,
    TimeProvider timeProvider,
    ILogger<ContainerEventStream> logger)
{
    private const long Never = -1;

    /// <summary>After a break, events are requested from this long before the last one.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(5);

    private static readonly Meter Meter = new("HostService");

    private static readonly CounterFromZero Reconnects = new(
        Meter, "host_service.engine.reconnects", "How often the stream of the engine's events was connected again after a break.");

    private static readonly Histogram<double> Delays = Meter.CreateHistogram(
        "host_service.engine.event.delay",
        "s",
        "Time from an event of the engine, by the engine's clock, until the service has handled it.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
        });

    private readonly DockerOptions _options = options.Value;
    private readonly EventDeduplicator _duplicates = new(Overlap);
    private readonly ReconcileSchedule _reconciliation = new(options.Value.MaxReconnectDelay, options.Value.GiveUpAfter, timeProvider);
    private long _progressAt = timeProvider.GetTimestamp();
    private volatile bool _running;
    private volatile bool _connected;
    private volatile bool _startingEngine;
    private volatile bool _hasBeenConnected;
    private long _beganAt;
    private long _incompleteSince = Never;

    /// <summary>Whether events arrive now.</summary>
    public bool IsConnected => _connected;

    /// <summary>Time since the last event, answer of the engine, or try to connect.</summary>
    public TimeSpan SinceProgress => timeProvider.GetElapsedTime(Interlocked.Read(ref _progressAt));

    /// <summary>The longest normal time without progress: a slow answer to a ping, or systemctl's timeout while the unit starts.</summary>
    public TimeSpan LongestPause =>
        _options.CallTimeout
        + (_startingEngine ? systemdOptions.Value.StartTimeout : Longer(_options.KeepAlive, _options.MaxReconnectDelay));

    /// <summary>
    /// Why what the grains know may be out of date: there is no connection, no event, ping or comparison has come to its end for longer
    /// than <see cref="LongestPause"/>, or a missed event has not been made up for. Null while it is up to date. The first connection may
    /// take as long as that pause: until then the answer counts that the start got.
    /// </summary>
    public string? WhyBehind
    {
        get
        {
            if (!_connected)
            {
                var isLate = _running && timeProvider.GetElapsedTime(Interlocked.Read(ref _beganAt)) > LongestPause;
                return _hasBeenConnected || isLate ? "the container engine does not answer" : null;
            }

            var idle = SinceProgress;
            if (idle > LongestPause)
            {
                return $"the container engine's events have made no progress for {idle.TotalSeconds:0} s";
            }

            var since = Interlocked.Read(ref _incompleteSince);
            var incomplete = since == Never ? TimeSpan.Zero : timeProvider.GetElapsedTime(since);
            return incomplete > LongestPause
                ? $"the container engine's events have been incomplete for {incomplete.TotalSeconds:0} s: the comparison with its "
                    + "containers fails"
                : null;
        }
    }

    /// <summary>Watchdog probe: fails when the stream hangs.</summary>
    public Task ProveProgressAsync(CancellationToken cancellationToken) => !_running || SinceProgress <= LongestPause
        ? Task.CompletedTask
        : Task.FromException(new TimeoutException($"The event stream has made no progress for {SinceProgress.TotalSeconds:0} s."));

    /// <summary>Passes events to <paramref name="handler"/> until cancelled, then returns. Call it once.</summary>
    /// <exception cref="ContainerEngineLostException">The engine did not come back.</exception>
    public async Task RunAsync(IContainerEventHandler handler, CancellationToken cancellationToken)
    {
        var began = timeProvider.GetUtcNow();
        var delay = _options.ReconnectDelay;
        long? lostAt = null;
        var startedUnit = false;
        Interlocked.Exchange(ref _beganAt, timeProvider.GetTimestamp());
        _running = true;
        try
        {
            while (true)
            {
                var exception = await ConnectAsync(handler, _duplicates.ResumeFrom ?? began, cancellationToken);
                if (_connected || lostAt is null)
                {
                    _connected = false;
                    startedUnit = false;
                    delay = _options.ReconnectDelay;
                    lostAt = timeProvider.GetTimestamp();
                    LogLost(exception.Message);
                }

                var outage = timeProvider.GetElapsedTime(lostAt.Value);
                if (outage >= _options.GiveUpAfter)
                {
                    throw new ContainerEngineLostException(
                        $"The container engine at {_options.Endpoint} has not answered for {outage.TotalSeconds:0} s: {exception.Message}",
                        exception);
                }

                if (!startedUnit && exception is ContainerEngineException { Failure: EngineFailure.Unreachable })
                {
                    startedUnit = true;
                    await StartEngineAsync(cancellationToken);
                }

                var left = _options.GiveUpAfter - outage;
                await Task.Delay(delay < left ? delay : left, timeProvider, cancellationToken);
                delay = Backoff.Next(delay, _options.MaxReconnectDelay);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Normal end.
        }
        finally
        {
            _running = false;
            _connected = false;
        }
    }

    /// <summary>Runs one connection; returns the reason for its end.</summary>
    private async Task<Exception> ConnectAsync(IContainerEventHandler handler, DateTimeOffset since, CancellationToken cancellationToken)
    {
        Progress();
        try
        {
            await engine.PingAsync(cancellationToken);

            // Subscribe before reconciling: a change between the two is seen at least once.
            await using var events = await engine.WatchAsync(since, cancellationToken);
            await ReconcileAsync(handler, cancellationToken);
            Progress();
            _connected = true;
            if (_hasBeenConnected)
            {
                Reconnects.Add();
            }

            _hasBeenConnected = true;
            LogConnected(_options.Endpoint, since);
            await ReadAsync(events, handler, cancellationToken);
            throw new InvalidOperationException("Reading events does not end without an error.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Any failure ends the connection; the caller decides how to go on.
            return e;
        }
        finally
        {
            Progress();
        }
    }

    private async Task ReadAsync(IContainerEventSubscription events, IContainerEventHandler handler, CancellationToken cancellationToken)
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var next = events.NextAsync(reading.Token);
        try
        {
            while (true)
            {
                if (_reconciliation.DueIn == TimeSpan.Zero)
                {
                    await ReconcileAsync(handler, cancellationToken);
                    Progress();
                }

                ContainerEvent containerEvent;
                try
                {
                    var wait = _reconciliation.DueIn is { } due && due < _options.KeepAlive ? due : _options.KeepAlive;
                    containerEvent = await next.WaitAsync(wait, timeProvider, cancellationToken);
                }
                catch (TimeoutException) when (_reconciliation.DueIn == TimeSpan.Zero)
                {
                    continue;
                }
                catch (TimeoutException)
                {
                    // No event for a while. A hanging engine keeps its connections open, so ping it.
                    await engine.PingAsync(cancellationToken);
                    Progress();
                    continue;
                }

                Progress();
                if (_duplicates.IsNew(containerEvent))
                {
                    await HandleAsync(handler, containerEvent, cancellationToken);

                    // The engine may be on another machine, with a clock of its own.
                    Delays.Record(Math.Max(0, (timeProvider.GetUtcNow() - containerEvent.At).TotalSeconds));
                }

                next = events.NextAsync(reading.Token);
            }
        }
        finally
        {
            // The read must have ended before the subscription is closed. Its outcome is known already.
            await reading.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReconcileAsync(IContainerEventHandler handler, CancellationToken cancellationToken)
    {
        try
        {
            await handler.ReconcileAsync(cancellationToken);
            _reconciliation.Completed(succeeded: true);
            Interlocked.Exchange(ref _incompleteSince, Never);
        }
        catch (Exception e) when (e is not ContainerEngineException && !cancellationToken.IsCancellationRequested)
        {
            // A fault of the handler does not end the connection: events go on. (A fault of the engine does.)
            LogHandlerFailed("the reconciliation with the list of containers", e);
            _reconciliation.Completed(succeeded: false);
            MarkIncomplete();
        }
    }

    private async Task HandleAsync(IContainerEventHandler handler, ContainerEvent containerEvent, CancellationToken cancellationToken)
    {
        try
        {
            await handler.OnEventAsync(containerEvent, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // No single event ends the loop. A reconciliation makes up for it.
            LogHandlerFailed($"{containerEvent.Action} of container {containerEvent.ContainerId}", e);
            _reconciliation.Request();
            MarkIncomplete();
        }
    }

    private async Task StartEngineAsync(CancellationToken cancellationToken)
    {
        if (!host.Value.ManageSystem || _options.Unit.Length == 0)
        {
            return;
        }

        Progress();
        _startingEngine = true;
        try
        {
            LogStarting(_options.Unit);
            await systemd.StartUnitAsync(_options.Unit, cancellationToken);
        }
        catch (SystemdException e)
        {
            // The engine may still come back by itself.
            LogNotStarted(_options.Unit, e.Message);
        }
        finally
        {
            Progress();
            _startingEngine = false;
        }
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private void MarkIncomplete() => Interlocked.CompareExchange(ref _incompleteSince, timeProvider.GetTimestamp(), Never);

    private void Progress() => Interlocked.Exchange(ref _progressAt, timeProvider.GetTimestamp());

    [LoggerMessage(LogLevel.Information, "Docker event stream connected to {Endpoint}, from {Since:O} on")]
    private partial void LogConnected(string endpoint, DateTimeOffset since);

    [LoggerMessage(LogLevel.Warning, "Docker event stream lost: {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(LogLevel.Warning, "Starting {Unit}")]
    private partial void LogStarting(string unit);

    [LoggerMessage(LogLevel.Error, "Could not start {Unit}: {Reason}")]
    private partial void LogNotStarted(string unit, string reason);

    [LoggerMessage(LogLevel.Error, "Handling {What} failed")]
    private partial void LogHandlerFailed(string what, Exception exception);
}
