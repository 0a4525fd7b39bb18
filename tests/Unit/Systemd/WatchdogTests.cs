using System.Threading.Channels;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Systemd;

public sealed class WatchdogTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(15);

    private readonly ManualClock _clock = new();
    private readonly RecordingSystemd _systemd = new(TimeSpan.FromSeconds(60));
    private readonly StatusLine _statusLine;

    public WatchdogTests() => _statusLine = new StatusLine(_systemd);

    [Fact]
    public async Task The_watchdog_is_pinged_four_times_an_interval_while_work_gets_done()
    {
        using var service = Service(new WatchdogProbe("grain calls", _ => Task.CompletedTask));
        await service.StartAsync(CancellationToken.None);

        for (var i = 0; i < 12; i++)
        {
            Assert.Equal("ping", await _systemd.NextAsync());
            _clock.Advance(Tick);
        }

        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Work_that_hangs_ends_the_pings_with_the_reason_as_status()
    {
        var hung = new TaskCompletionSource();
        var probes = 0;
        using var service = Service(
            new WatchdogProbe("grain calls", _ => Task.CompletedTask),
            new WatchdogProbe("the event stream", _ =>
            {
                probes++;
                return hung.Task;
            }));
        await service.StartAsync(CancellationToken.None);

        // At 0, 15 and 30 s it may still be merely slow.
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ping", await _systemd.NextAsync());
            _clock.Advance(Tick);
        }

        Assert.Equal("no watchdog ping: the event stream: no progress for 45 s (limit 30 s)", await _systemd.NextAsync());
        Assert.Equal(1, probes);
        hung.SetResult();
        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Every_probe_that_stands_still_is_named()
    {
        using var service = Service(
            new WatchdogProbe("grain calls", _ => throw new TimeoutException()),
            new WatchdogProbe("well", _ => Task.CompletedTask),
            new WatchdogProbe("the event stream", _ => throw new TimeoutException()));
        await service.StartAsync(CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ping", await _systemd.NextAsync());
            _clock.Advance(Tick);
        }

        Assert.Equal(
            "no watchdog ping: grain calls: no progress for 45 s (limit 30 s); the event stream: no progress for 45 s (limit 30 s)",
            await _systemd.NextAsync());
        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Work_that_fails_is_no_progress_and_work_that_succeeds_again_brings_the_pings_back()
    {
        var looks = 0;
        using var service = Service(
            new WatchdogProbe("grain calls", _ => ++looks <= 3 ? throw new TimeoutException() : Task.CompletedTask));
        await service.StartAsync(CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ping", await _systemd.NextAsync());
            _clock.Advance(Tick);
        }

        Assert.StartsWith("no watchdog ping: grain calls", await _systemd.NextAsync(), StringComparison.Ordinal);
        _clock.Advance(Tick);
        Assert.Equal("ping", await _systemd.NextAsync());
        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task The_status_line_says_the_usual_again_once_there_is_progress_again()
    {
        _statusLine.SetNormal("2 mandelboxes");
        Assert.Equal("2 mandelboxes", await _systemd.NextAsync());
        var looks = 0;
        using var service = Service(
            new WatchdogProbe("grain calls", _ => ++looks <= 3 ? throw new TimeoutException() : Task.CompletedTask));
        await service.StartAsync(CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ping", await _systemd.NextAsync());
            _clock.Advance(Tick);
        }

        Assert.StartsWith("no watchdog ping: grain calls", await _systemd.NextAsync(), StringComparison.Ordinal);
        _statusLine.SetNormal("3 mandelboxes");
        _clock.Advance(Tick);

        Assert.Equal("ping", await _systemd.NextAsync());
        Assert.Equal("3 mandelboxes", await _systemd.NextAsync());
        await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Without_a_watchdog_nothing_is_asked()
    {
        var systemd = new RecordingSystemd(null);
        using var service = new WatchdogService(
            systemd, new StatusLine(systemd), [new WatchdogProbe("grain calls", _ => throw new InvalidOperationException("asked"))], _clock,
            NullLogger<WatchdogService>.Instance);

        await service.StartAsync(CancellationToken.None);
        await service.ExecuteTask!;

        Assert.Equal(0, _clock.PendingTimers);
    }

    private WatchdogService Service(params WatchdogProbe[] probes) =>
        new(_systemd, _statusLine, probes, _clock, NullLogger<WatchdogService>.Instance);

    private sealed class RecordingSystemd(TimeSpan? interval) : ISystemd
    {
        private readonly Channel<string> _said = Channel.CreateUnbounded<string>();

        public TimeSpan? WatchdogInterval => interval;

        public Task<string> NextAsync() => _said.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

        public void Watchdog() => _said.Writer.TryWrite("ping");

        public void Status(string line) => _said.Writer.TryWrite(line);

        public void Ready() => throw new NotSupportedException();

        public void Stopping() => throw new NotSupportedException();

        public void ExtendTimeout(TimeSpan by) => throw new NotSupportedException();

        public Task<long?> UnitsLoadedAtAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task StartUnitAsync(string unit, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
