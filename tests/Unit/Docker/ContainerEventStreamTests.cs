using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Docker;

public sealed class ContainerEventStreamTests : IAsyncDisposable
{
    private readonly ManualClock _clock = new();
    private readonly FakeContainerEngine _engine;
    private readonly RecordingHandler _handler = new();
    private readonly RecordingSystemd _systemd = new();
    private readonly HostOptions _host = new();
    private readonly SystemdOptions _systemdOptions = new();
    private readonly DockerOptions _options = new()
    {
        ReconnectDelay = TimeSpan.FromSeconds(1),
        MaxReconnectDelay = TimeSpan.FromSeconds(4),
        GiveUpAfter = TimeSpan.FromSeconds(30),
        KeepAlive = TimeSpan.FromSeconds(10),
    };

    private readonly CancellationTokenSource _end = new();
    private ContainerEventStream? _stream;
    private Task _running = Task.CompletedTask;

    public ContainerEventStreamTests() => _engine = new FakeContainerEngine(_clock);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await ((Task)_running.WaitAsync(TimeSpan.FromSeconds(20))).ContinueWith(_ => { }, TaskScheduler.Default);
        _end.Dispose();
    }

    [Fact]
    public async Task What_happens_is_told_in_order()
    {
        await RunAsync();
        var id = await StartedContainerAsync();
        _engine.Die(id, 3);
        await _engine.RemoveAsync(id, default);

        await _handler.Until(h => h.Told.Count == 4);

        Assert.Equal(["create", "start", "die", "destroy"], _handler.Told.Select(e => e.Action));
        Assert.Equal(3, _handler.Told[2].ExitCode);
    }

    [Fact]
    public async Task It_subscribes_before_it_has_the_list_compared()
    {
        _handler.OnConnected = () => Assert.Equal(1, _engine.Watchers);

        await RunAsync();

        Assert.Null(_handler.Failure);
    }

    [Fact]
    public async Task An_event_during_the_comparison_is_told_after_it()
    {
        _handler.OnConnected = () => _engine.Emit(Happening("die", "early"));
        await RunAsync();

        await _handler.Until(h => h.Told.Count == 1);

        Assert.Equal("early", _handler.Told[0].ContainerId);
    }

    [Fact]
    public async Task After_a_break_it_comes_back_and_has_the_list_compared_again()
    {
        await RunAsync();

        _engine.BreakStreams();
        await _clock.TimerSetAsync(_options.ReconnectDelay).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(_stream!.IsConnected);
        _clock.Advance(_options.ReconnectDelay);

        await _handler.Until(h => h.Connections == 2);
    }

    [Fact]
    public async Task What_happened_during_a_break_is_told_and_nothing_is_told_twice()
    {
        await RunAsync();
        var id = await StartedContainerAsync();
        await _handler.Until(h => h.Told.Count == 2);

        _engine.BreakStreams();
        await _clock.TimerSetAsync(_options.ReconnectDelay).WaitAsync(TimeSpan.FromSeconds(30));
        _engine.Die(id);
        _clock.Advance(_options.ReconnectDelay);
        await _handler.Until(h => h.Told.Count >= 3);
        _engine.Emit(Happening("die", "later"));
        await _handler.Until(h => h.Told.Any(e => e.ContainerId == "later"));

        Assert.Equal(["create", "start", "die", "die"], _handler.Told.Select(e => e.Action));
    }

    [Fact]
    public async Task A_comparison_that_the_engine_fails_is_made_again()
    {
        _handler.FailConnected = new ContainerEngineException(EngineFailure.TimedOut, "the list did not come");
        await StartAsync();
        await _clock.TimerSetAsync(_options.ReconnectDelay).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(_stream!.IsConnected);

        _clock.Advance(_options.ReconnectDelay);

        await _handler.Until(h => h.Connections == 2);
    }

    [Fact]
    public async Task A_comparison_that_fails_otherwise_is_made_again_soon_while_events_go_on_to_be_told()
    {
        _handler.FailConnected = new AggregateException("one mandelbox did not answer");
        await StartAsync();
        await _clock.TimerSetAsync(_options.MaxReconnectDelay).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(_stream!.IsConnected);
        _engine.Emit(Happening("die", "meanwhile"));
        await _handler.Until(h => h.Told.Count == 1);

        _clock.Advance(_options.MaxReconnectDelay);

        await _handler.Until(h => h.Connections == 2);
        Assert.Equal(1, _engine.CallsOf(EngineCall.Watch));
    }

    [Fact]
    public async Task What_an_event_said_that_could_not_be_told_is_looked_for_in_the_list_soon()
    {
        await RunAsync();
        _handler.FailOn = "bad";
        _engine.Emit(Happening("die", "bad"));
        await AdvanceFromWaitAsync(_options.MaxReconnectDelay.TotalSeconds);

        await _handler.Until(h => h.Connections == 2);
        Assert.Equal(1, _engine.CallsOf(EngineCall.Watch));
    }

    [Fact]
    public async Task No_single_event_ends_the_loop()
    {
        await RunAsync();
        _handler.FailOn = "bad";

        _engine.Emit(Happening("die", "bad"));
        _engine.Emit(Happening("die", "good"));

        await _handler.Until(h => h.Told.Any(e => e.ContainerId == "good"));
        Assert.Equal(1, _handler.Connections);
    }

    [Fact]
    public async Task It_waits_longer_from_try_to_try_and_gives_up_in_the_end()
    {
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable, times: 100);
        await StartAsync();

        foreach (var seconds in new[] { 1, 2, 4, 4, 4, 4, 4, 4, 3 })
        {
            await AdvanceFromWaitAsync(seconds);
        }

        var lost = await Assert.ThrowsAsync<ContainerEngineLostException>(() => _running);
        Assert.Equal(10, _engine.CallsOf(EngineCall.Ping));
        Assert.Contains("30 s", lost.Message, StringComparison.Ordinal);
        Assert.Equal(EngineFailure.Unreachable, Assert.IsType<ContainerEngineException>(lost.InnerException).Failure);
    }

    [Fact]
    public async Task An_engine_that_came_back_gets_the_whole_time_again()
    {
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable, times: 2);
        await StartAsync();
        await AdvanceFromWaitAsync(1);
        await AdvanceFromWaitAsync(2);
        await _handler.Until(h => h.Connections == 1);

        await _clock.TimerSetAsync(_options.KeepAlive);
        _clock.Advance(TimeSpan.FromSeconds(5));
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable);
        _engine.BreakStreams();
        await AdvanceFromWaitAsync(1);
        await AdvanceFromWaitAsync(2);

        await _handler.Until(h => h.Connections == 2);
    }

    [Theory]
    [InlineData(true, "docker.service", 1)]
    [InlineData(false, "docker.service", 0)]
    [InlineData(true, "", 0)]
    public async Task An_engine_that_is_gone_is_started_once_where_the_service_may(bool manageSystem, string unit, int starts)
    {
        _host.ManageSystem = manageSystem;
        _options.Unit = unit;
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable, times: 2);

        await StartAsync();
        await AdvanceFromWaitAsync(1);
        await AdvanceFromWaitAsync(2);
        await _handler.Until(h => h.Connections == 1);

        Assert.Equal(starts, _systemd.Started.Count);
    }

    [Fact]
    public async Task An_engine_that_cannot_be_started_may_still_come_by_itself()
    {
        _systemd.Failure = new SystemdException("no such unit");
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable);

        await StartAsync();
        await AdvanceFromWaitAsync(1);

        await _handler.Until(h => h.Connections == 1);
    }

    [Fact]
    public async Task A_quiet_engine_is_asked_whether_it_is_there_and_one_that_does_not_answer_is_left()
    {
        await RunAsync();
        await AdvanceFromWaitAsync(10);
        await _clock.TimerSetAsync(_options.KeepAlive);
        Assert.Equal(2, _engine.CallsOf(EngineCall.Ping));
        Assert.True(_stream!.IsConnected);

        _engine.FailNext(EngineCall.Ping, EngineFailure.TimedOut);
        _clock.Advance(_options.KeepAlive);
        await AdvanceFromWaitAsync(1);

        await _handler.Until(h => h.Connections == 2);
    }

    [Fact]
    public async Task A_stream_that_hangs_makes_no_progress()
    {
        await RunAsync();
        await _stream!.ProveProgressAsync(default);

        using var held = _engine.Hold(EngineCall.Ping);
        await AdvanceFromWaitAsync(10);
        await held.Entered;
        _clock.Advance(_stream.LongestPause);

        await Assert.ThrowsAsync<TimeoutException>(() => _stream.ProveProgressAsync(default));
    }

    [Fact]
    public async Task A_stream_that_hangs_is_behind_until_it_goes_on()
    {
        await RunAsync();
        Assert.Null(_stream!.WhyBehind);
        using (var held = _engine.Hold(EngineCall.Ping))
        {
            await AdvanceFromWaitAsync(10);
            await held.Entered;
            _clock.Advance(_stream.LongestPause + TimeSpan.FromSeconds(1));

            Assert.Equal("the container engine's events have made no progress for 36 s", _stream.WhyBehind);
        }

        await _clock.TimerSetAsync(_options.KeepAlive).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(_stream.WhyBehind);
    }

    [Fact]
    public async Task A_stream_is_behind_when_its_first_connection_takes_too_long()
    {
        using (var held = _engine.Hold(EngineCall.Ping))
        {
            await StartAsync();
            await held.Entered;
            _clock.Advance(_stream!.LongestPause);
            Assert.Null(_stream.WhyBehind);
            _clock.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal("the container engine does not answer", _stream.WhyBehind);
        }

        await _clock.TimerSetAsync(_options.KeepAlive).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(_stream.WhyBehind);
    }

    [Fact]
    public async Task A_stream_is_behind_while_it_is_broken()
    {
        await RunAsync();
        _engine.BreakStreams();
        await _clock.TimerSetAsync(_options.ReconnectDelay).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal("the container engine does not answer", _stream!.WhyBehind);
    }

    [Fact]
    public async Task A_stream_is_behind_while_a_lost_event_has_not_been_made_up_for()
    {
        await RunAsync();
        _handler.FailOn = "lost";
        _engine.Emit(Happening("die", "lost"));
        await CompareInVainAsync(connections: 2, 4);
        await CompareInVainAsync(connections: 3, 8);
        Assert.Null(_stream!.WhyBehind);

        await CompareInVainAsync(connections: 4, 10, 6);
        Assert.Equal(
            "the container engine's events have been incomplete for 28 s: the comparison with its containers fails", _stream.WhyBehind);

        foreach (var seconds in new[] { 10, 10, 10 })
        {
            await AdvanceFromWaitAsync(seconds);
        }

        await _handler.Until(h => h.Connections == 5);
        await _clock.TimerSetAsync(_options.KeepAlive).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(_stream.WhyBehind);

        async Task CompareInVainAsync(int connections, params int[] pauses)
        {
            _handler.FailConnected = new InvalidOperationException("The test wants this comparison to fail.");
            foreach (var seconds in pauses)
            {
                await AdvanceFromWaitAsync(seconds);
            }

            await _handler.Until(h => h.Connections == connections);
        }
    }

    [Fact]
    public async Task Each_new_connection_after_a_break_is_counted()
    {
        await RunAsync();
        var before = Reconnects();

        _engine.BreakStreams();
        await AdvanceFromWaitAsync(_options.ReconnectDelay.TotalSeconds);
        await _handler.Until(h => h.Connections == 2);
        await _clock.TimerSetAsync(_options.KeepAlive).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(before + 1, Reconnects());
    }

    [Fact]
    public async Task How_late_an_event_is_handled_is_measured_by_the_engines_time_and_is_never_negative()
    {
        using var delays = new RecordedMeasurements("host_service.engine.event.delay");
        await RunAsync();

        foreach (var (id, seconds) in new[] { ("late", -3), ("early", 2), ("last", 0) })
        {
            _engine.Emit(Happening("die", id) with { At = _clock.GetUtcNow() + TimeSpan.FromSeconds(seconds) });
        }

        await _handler.Until(h => h.Told.Count == 3);
        Assert.Equal([3, 0], delays.Values.Take(2));
    }

    [Fact]
    public async Task An_engine_that_takes_as_long_to_start_as_systemctl_allows_is_no_standstill_and_one_that_takes_longer_is()
    {
        var starting = new TaskCompletionSource();
        _systemd.Starting = starting.Task;
        _engine.FailNext(EngineCall.Ping, EngineFailure.Unreachable);
        await StartAsync();
        await _systemd.Asked.WaitAsync(TimeSpan.FromSeconds(30));

        _clock.Advance(_systemdOptions.StartTimeout);
        await _stream!.ProveProgressAsync(default);
        _clock.Advance(_options.CallTimeout + TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<TimeoutException>(() => _stream.ProveProgressAsync(default));

        starting.SetResult();
    }

    [Fact]
    public async Task Cancelling_ends_it_without_an_error()
    {
        await RunAsync();

        await _end.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(0, _engine.Watchers);
        Assert.False(_stream!.IsConnected);
    }

    /// <summary>The counter is the process's, but no test of another class connects again.</summary>
    private static long Reconnects() => ObservedCounts.Read("host_service.engine.reconnects")[""];

    private static ContainerEvent Happening(string action, string id) =>
        new(action, id, new Dictionary<string, string>(), null, new DateTimeOffset(2026, 1, 1, 0, 1, 0, TimeSpan.Zero));

    private async Task<string> StartedContainerAsync()
    {
        var id = await _engine.CreateAsync(new ContainerSpec { Name = "one", Image = FakeContainerEngine.DemoImage }, default);
        await _engine.StartAsync(id, default);
        return id;
    }

    private async Task AdvanceFromWaitAsync(double seconds)
    {
        await _clock.TimerSetAsync(TimeSpan.FromSeconds(seconds)).WaitAsync(TimeSpan.FromSeconds(30));
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }

    private async Task RunAsync()
    {
        await StartAsync();
        await _clock.TimerSetAsync(_options.KeepAlive).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(1, _handler.Connections);
    }

    private Task StartAsync()
    {
        _stream = new ContainerEventStream(
            _engine, _systemd, Options.Create(_host), Options.Create(_options), Options.Create(_systemdOptions), _clock,
            NullLogger<ContainerEventStream>.Instance);
        _running = Task.Run(() => _stream.RunAsync(_handler, _end.Token));
        return Task.CompletedTask;
    }

    private sealed class RecordingSystemd : ISystemd
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<string> Started { get; } = [];

        public SystemdException? Failure { get; set; }

        /// <summary>Ends when a start was asked for.</summary>
        public Task Asked => _asked.Task;

        /// <summary>How long a start takes.</summary>
        public Task Starting { get; set; } = Task.CompletedTask;

        public TimeSpan? WatchdogInterval => null;

        public void Ready()
        {
        }

        public void Status(string line)
        {
        }

        public void Stopping()
        {
        }

        public void Watchdog()
        {
        }

        public void ExtendTimeout(TimeSpan by)
        {
        }

        public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken) => Task.FromResult<long?>(null);

        public Task StartUnitAsync(string unit, CancellationToken cancellationToken)
        {
            Started.Add(unit);
            _asked.TrySetResult();
            return Failure is null ? Starting.WaitAsync(cancellationToken) : Task.FromException(Failure);
        }
    }
}
