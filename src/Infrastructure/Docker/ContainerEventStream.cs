using HostService.Infrastructure.Linux.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Docker;

/// <summary>
/// The engine's events, whatever becomes of the connection (B19–B21): comes back after a break, asks for what it missed, tells nothing twice, starts the
/// engine where it may, and gives up with <see cref="ContainerEngineLostException"/> when the engine stays away.
/// </summary>
public sealed partial class ContainerEventStream(
    IContainerEngine engine,
    ISystemd systemd,
    IOptions<HostOptions> host,
    IOptions<DockerOptions> options,
    IOptions<SystemdOptions> systemdOptions,
    TimeProvider timeProvider,
    ILogger<ContainerEventStream> log)
{
    /// <summary>Events of this much time before the last one are asked for again after a break.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(5);

    private readonly DockerOptions _options = options.Value;
    private readonly EventDeduplicator _memory = new(Overlap);
    private readonly ReconcileSchedule _secondLook = new(options.Value.MaxReconnectDelay, options.Value.GiveUpAfter, timeProvider);
    private long _progressAt = timeProvider.GetTimestamp();
    private volatile bool _running;
    private volatile bool _connected;
    private volatile bool _startingEngine;

    /// <summary>Whether events can be told now.</summary>
    public bool IsConnected => _connected;

    /// <summary>Time since the stream last did anything: an event, a sign of life from the engine, a try to connect.</summary>
    public TimeSpan SinceProgress => timeProvider.GetElapsedTime(Interlocked.Read(ref _progressAt));

    /// <summary>
    /// The longest that the stream can be without progress when all is well: a quiet engine that takes its time to answer. While the engine's unit is being started:
    /// as long as systemctl has for that.
    /// </summary>
    public TimeSpan LongestPause =>
        (_startingEngine ? systemdOptions.Value.StartTimeout : Longer(_options.KeepAlive, _options.MaxReconnectDelay)) + _options.CallTimeout;

    /// <summary>For the watchdog: fails when the stream hangs.</summary>
    public Task ProveProgressAsync(CancellationToken cancellationToken) => !_running || SinceProgress <= LongestPause
        ? Task.CompletedTask
        : Task.FromException(new TimeoutException($"The event stream has done nothing for {SinceProgress.TotalSeconds:0} s."));

    /// <summary>Tells <paramref name="handler"/> what happens until the token is cancelled, then returns. To be run once.</summary>
    /// <exception cref="ContainerEngineLostException">The engine stayed away.</exception>
    public async Task RunAsync(IContainerEventHandler handler, CancellationToken cancellationToken)
    {
        var began = timeProvider.GetUtcNow();
        var delay = _options.ReconnectDelay;
        long? lostAt = null;
        var toldToStart = false;
        _running = true;
        try
        {
            while (true)
            {
                var exception = await ConnectAsync(handler, _memory.ResumeFrom ?? began, cancellationToken);
                if (_connected || lostAt is null)
                {
                    _connected = false;
                    toldToStart = false;
                    delay = _options.ReconnectDelay;
                    lostAt = timeProvider.GetTimestamp();
                    LogLost(exception.Message);
                }

                var away = timeProvider.GetElapsedTime(lostAt.Value);
                if (away >= _options.GiveUpAfter)
                {
                    throw new ContainerEngineLostException(
                        $"The container engine at {_options.Endpoint} has been away for {away.TotalSeconds:0} s: {exception.Message}", exception);
                }

                if (!toldToStart && exception is ContainerEngineException { Failure: EngineFailure.Unreachable })
                {
                    toldToStart = true;
                    await StartEngineAsync(cancellationToken);
                }

                var left = _options.GiveUpAfter - away;
                await Task.Delay(delay < left ? delay : left, timeProvider, cancellationToken);
                delay = delay * 2 < _options.MaxReconnectDelay ? delay * 2 : _options.MaxReconnectDelay;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to end.
        }
        finally
        {
            _running = false;
            _connected = false;
        }
    }

    /// <summary>One connection, from beginning to end; returns why it ended.</summary>
    private async Task<Exception> ConnectAsync(IContainerEventHandler handler, DateTimeOffset since, CancellationToken cancellationToken)
    {
        Progress();
        try
        {
            await engine.PingAsync(cancellationToken);
            // Subscribed first, compared with the list after it: whatever happens in between is seen at least once.
            await using var events = await engine.WatchAsync(since, cancellationToken);
            await CompareAsync(handler, cancellationToken);
            _connected = true;
            LogConnected(_options.Endpoint, since);
            await ReadAsync(events, handler, cancellationToken);
            throw new InvalidOperationException("Reading events does not end without an error.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever it was, the connection is of no use any more; the caller decides what that means.
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
                if (_secondLook.DueIn == TimeSpan.Zero)
                {
                    await CompareAsync(handler, cancellationToken);
                    Progress();
                }

                ContainerEvent happened;
                try
                {
                    happened = await next.WaitAsync(_secondLook.DueIn is { } due && due < _options.KeepAlive ? due : _options.KeepAlive, timeProvider, cancellationToken);
                }
                catch (TimeoutException) when (_secondLook.DueIn == TimeSpan.Zero)
                {
                    continue;
                }
                catch (TimeoutException)
                {
                    // Nothing happened for a while: is it there at all? An engine that hangs keeps its connections.
                    await engine.PingAsync(cancellationToken);
                    Progress();
                    continue;
                }

                Progress();
                if (_memory.IsNew(happened))
                {
                    await TellAsync(handler, happened, cancellationToken);
                }

                next = events.NextAsync(reading.Token);
            }
        }
        finally
        {
            // One read at a time: this one must have ended before the subscription is closed. Why it ended is known already.
            await reading.CancelAsync();
            await next.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task CompareAsync(IContainerEventHandler handler, CancellationToken cancellationToken)
    {
        try
        {
            await handler.ReconcileAsync(cancellationToken);
            _secondLook.Compared(whole: true);
        }
        catch (Exception e) when (e is not ContainerEngineException && !cancellationToken.IsCancellationRequested)
        {
            // A fault of the handler's own ends no connection: events are told meanwhile. (The engine's does: then it is tried again from the start.)
            LogHandlerFailed("the comparison with the list of containers", e);
            _secondLook.Compared(whole: false);
        }
    }

    private async Task TellAsync(IContainerEventHandler handler, ContainerEvent happened, CancellationToken cancellationToken)
    {
        try
        {
            await handler.OnEventAsync(happened, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // No single event ends the loop. What it said can be seen from the list, too.
            LogHandlerFailed($"{happened.Action} of container {happened.ContainerId}", e);
            _secondLook.Need();
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
            // The engine may still come back by itself; if not, it is given up in time.
            LogNotStarted(_options.Unit, e.Message);
        }
        finally
        {
            Progress();
            _startingEngine = false;
        }
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private void Progress() => Interlocked.Exchange(ref _progressAt, timeProvider.GetTimestamp());

    [LoggerMessage(LogLevel.Information, "Watching the engine's events at {Endpoint}, from {Since:O} on")]
    private partial void LogConnected(string endpoint, DateTimeOffset since);

    [LoggerMessage(LogLevel.Warning, "The engine's events are not to be had: {Why}")]
    private partial void LogLost(string why);

    [LoggerMessage(LogLevel.Warning, "Starting {Unit}")]
    private partial void LogStarting(string unit);

    [LoggerMessage(LogLevel.Error, "Could not start {Unit}: {Why}")]
    private partial void LogNotStarted(string unit, string why);

    [LoggerMessage(LogLevel.Error, "Dealing with {What} failed")]
    private partial void LogHandlerFailed(string what, Exception exception);
}
