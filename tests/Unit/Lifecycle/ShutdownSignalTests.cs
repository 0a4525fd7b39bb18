using System.Runtime.InteropServices;
using HostService.GrainInterfaces;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>B30: which requests drain, which stop, and how long a drain may last.</summary>
public sealed class ShutdownSignalTests
{
    private static readonly TimeSpan OneHour = TimeSpan.FromHours(1);
    private readonly ManualClock _clock = new();
    private readonly ShutdownSignal _shutdown;

    public ShutdownSignalTests() => _shutdown = new ShutdownSignal(_clock);

    [Fact]
    public async Task The_first_request_decides_and_ends_a_start_that_is_under_way()
    {
        Assert.False(_shutdown.Token.IsCancellationRequested);
        _shutdown.Request(new ShutdownRequest(ShutdownReason.EngineLost, "first", 4));
        _shutdown.Request("second", force: true);

        Assert.Equal(new ShutdownRequest(ShutdownReason.EngineLost, "first", 4), await _shutdown.Requested);
        Assert.Equal(await _shutdown.Requested, await _shutdown.Stopped);
        Assert.True(_shutdown.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGHUP)]
    [InlineData(PosixSignal.SIGQUIT)]
    [InlineData(PosixSignal.SIGTERM)]
    public void Locally_and_before_the_configuration_is_known_every_signal_is_a_stop(PosixSignal signal)
    {
        _shutdown.Signal(signal);
        Assert.True(_shutdown.Stopped.IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData(PosixSignal.SIGTERM, true)]
    [InlineData(PosixSignal.SIGINT, false)]
    [InlineData(PosixSignal.SIGHUP, false)]
    [InlineData(PosixSignal.SIGQUIT, false)]
    public void In_a_deployed_environment_TERM_drains_and_a_second_signal_stops(PosixSignal first, bool drains)
    {
        _shutdown.Configure(new DrainTimeouts(null, OneHour));
        _shutdown.Signal(first);
        Assert.Equal(drains, !_shutdown.Stopped.IsCompleted);

        _shutdown.Signal(PosixSignal.SIGTERM);
        Assert.True(_shutdown.Stopped.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_drain_by_request_is_not_hurried_by_another_one_but_by_force()
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        _shutdown.Request("drain_and_shutdown was called", force: false);
        _shutdown.Request(new ShutdownRequest(ShutdownReason.NotWanted, "the row", Drains: true));
        Assert.False(_shutdown.Stopped.IsCompleted);
        Assert.Equal(0, _clock.PendingTimers);

        _shutdown.Request("drain_and_shutdown was called", force: true);
        Assert.True(_shutdown.DrainToken.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task TERM_during_a_drain_by_request_in_a_deployed_environment_limits_it_to_what_the_unit_allows()
    {
        _shutdown.Configure(new DrainTimeouts(null, OneHour));
        _shutdown.Request("drain_and_shutdown was called", force: false);
        _shutdown.Signal(PosixSignal.SIGTERM);
        _clock.Advance(OneHour - TimeSpan.FromSeconds(1));
        Assert.False(_shutdown.Stopped.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ShutdownReason.DrainTimeout, (await _shutdown.Stopped.WaitAsync(TimeSpan.FromSeconds(30))).Reason);
        Assert.Equal(ShutdownReason.Request, (await _shutdown.Requested).Reason);
    }

    [Theory]
    [InlineData(10, null, 10)]
    [InlineData(10, 60, 10)]
    [InlineData(90, 60, 60)]
    [InlineData(null, 60, 60)]
    public async Task The_shorter_limit_of_a_drain_counts(int? ofAny, int? ofThis, int limit)
    {
        _shutdown.Configure(new DrainTimeouts(Minutes(ofAny), OneHour));
        _shutdown.Request(new ShutdownRequest(ShutdownReason.Notice, "test", Drains: true, DrainTimeout: Minutes(ofThis)));

        _clock.Advance(TimeSpan.FromMinutes(limit) - TimeSpan.FromSeconds(1));
        Assert.False(_shutdown.Stopped.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, (await _shutdown.Stopped.WaitAsync(TimeSpan.FromSeconds(30))).ExitCode);

        static TimeSpan? Minutes(int? minutes) => minutes is { } m ? TimeSpan.FromMinutes(m) : null;
    }

    [Fact]
    public async Task A_drain_may_last_longer_than_a_timer_can()
    {
        var day = TimeSpan.FromDays(1);
        _shutdown.Configure(new DrainTimeouts(2 * day + OneHour, null));
        _shutdown.Request("drain_and_shutdown was called", force: false);
        foreach (var part in new[] { day, day, OneHour })
        {
            Assert.False(_shutdown.Stopped.IsCompleted);
            await _clock.TimerSetAsync(part);
            _clock.Advance(part);
        }

        await _shutdown.Stopped.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void The_unit_s_time_is_shared_by_a_drain_and_the_steps_after_it()
    {
        var options = new ShutdownOptions();
        Assert.Equal(options.UnitTimeout - HostLifecycle.LongestShutdown(options), options.DrainTimeouts(HostEnvironment.Prod).OfTerm);
        Assert.Null(options.DrainTimeouts(HostEnvironment.LocalDev).OfTerm);
        Assert.Empty(options.Validate());

        options.UnitTimeout = HostLifecycle.LongestShutdown(options);
        Assert.Contains("Shutdown:UnitTimeout", Assert.Single(options.Validate()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drain_that_is_cancelled_ends_its_wait_and_the_next_request_is_the_first_again()
    {
        Assert.Equal("this host is not draining", _shutdown.CancelDrain());
        _shutdown.Request("drain_and_shutdown was called", force: false);
        var wait = _shutdown.DrainToken;

        Assert.Null(_shutdown.CancelDrain());
        Assert.True(wait.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        Assert.True(_shutdown.TryResume(canResume: true));

        Assert.False(_shutdown.Requested.IsCompleted || _shutdown.Stopped.IsCompleted || _shutdown.DrainToken.IsCancellationRequested);
        Assert.Equal("this host is not draining", _shutdown.CancelDrain());
        _shutdown.Request("drain_and_shutdown was called again", force: false);
        Assert.Equal("drain_and_shutdown was called again", (await _shutdown.Requested).Detail);
    }

    [Fact]
    public void The_limit_of_a_drain_that_was_cancelled_stops_nobody()
    {
        _shutdown.Configure(new DrainTimeouts(OneHour, null));
        _shutdown.Request("drain_and_shutdown was called", force: false);
        Assert.Null(_shutdown.CancelDrain());
        Assert.True(_shutdown.TryResume(canResume: true));

        _clock.Advance(OneHour * 2);
        Assert.False(_shutdown.Requested.IsCompleted || _shutdown.Stopped.IsCompleted);
    }

    [Fact]
    public async Task A_request_between_the_cancellation_and_the_resumption_is_not_lost()
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        Assert.Null(_shutdown.CancelDrain());
        _shutdown.Request(new ShutdownRequest(ShutdownReason.Notice, "EC2 ends this instance", Drains: true));

        Assert.True(_shutdown.TryResume(canResume: true));
        Assert.Equal(ShutdownReason.Notice, (await _shutdown.Requested).Reason);
        Assert.Equal("this drain cannot be cancelled: EC2 ends this instance", _shutdown.CancelDrain());
    }

    [Fact]
    public void A_stop_is_not_cancelled_and_overrules_a_cancellation()
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        Assert.Null(_shutdown.CancelDrain());
        _shutdown.Request("drain_and_shutdown was called", force: true);

        Assert.False(_shutdown.TryResume(canResume: true));
        Assert.Equal("this host is shutting down already", _shutdown.CancelDrain());
    }

    [Theory]
    [InlineData(ShutdownReason.Notice)]
    [InlineData(ShutdownReason.NotWanted)]
    public void A_drain_that_EC2_or_the_webserver_wants_too_goes_on(ShutdownReason reason)
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        _shutdown.Request(new ShutdownRequest(reason, "it is so", Drains: true));

        Assert.Equal("this drain cannot be cancelled: it is so", _shutdown.CancelDrain());
        Assert.False(_shutdown.DrainToken.IsCancellationRequested);
    }

    [Fact]
    public void A_drain_whose_last_user_has_left_is_over()
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        Assert.False(_shutdown.TryResume(canResume: true));

        Assert.Equal("this host is shutting down already", _shutdown.CancelDrain());
    }

    [Fact]
    public async Task A_restart_is_a_stop_with_an_exit_code_of_its_own()
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);

        shutdown.Restart();

        Assert.Equal((ShutdownReason.Restart, ExitCodes.Restart), ((await shutdown.Stopped).Reason, (await shutdown.Stopped).ExitCode));
    }

    [Fact]
    public void A_host_whose_start_failed_does_not_resume()
    {
        _shutdown.Request("drain_and_shutdown was called", force: false);
        Assert.Null(_shutdown.CancelDrain());

        Assert.False(_shutdown.TryResume(canResume: false));
        Assert.Equal("this host is shutting down already", _shutdown.CancelDrain());
    }
}
