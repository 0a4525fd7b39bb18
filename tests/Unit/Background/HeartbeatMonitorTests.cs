using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Silo.Background;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Unit.Background;

public sealed class HeartbeatMonitorTests : IAsyncDisposable
{
    private readonly ManualClock _clock = new();
    private readonly FakeDatabase _database = new();
    private readonly FakeWebserver _webserver = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly HeartbeatLoop _loop;
    private readonly HeartbeatMonitor _monitor;

    public HeartbeatMonitorTests()
    {
        _loop = new HeartbeatLoop(_database, _clock, new RecordingLogger<HeartbeatLoop>());
        _monitor = new HeartbeatMonitor(_loop, _webserver, _services.GetRequiredService<IMeterFactory>());
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        await _services.DisposeAsync();
    }

    [Fact]
    public void Where_none_are_sent_there_is_no_age_and_nothing_is_missing()
    {
        Assert.Null(_monitor.WhyOld());
        Assert.Empty(Ages());
    }

    [Fact]
    public async Task The_age_is_that_of_the_last_heartbeat_that_was_accepted()
    {
        await BeginAsync();
        _database.HeartbeatAnswer = () => throw new BackendDatabaseException("away");
        await BeatAgainAsync();
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal([("database", 70.0)], Ages());
    }

    [Fact]
    public async Task Two_heartbeats_may_be_due_before_the_host_is_not_ready_and_one_that_is_accepted_makes_it_ready_again()
    {
        await BeginAsync();
        _database.HeartbeatAnswer = () => throw new BackendDatabaseException("away");
        await BeatAgainAsync();
        await BeatAgainAsync();
        Assert.Null(_monitor.WhyOld());

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("the database has accepted no heartbeat for 131 s", _monitor.WhyOld());

        _database.HeartbeatAnswer = () => null;
        await BeatAgainAsync();
        Assert.Null(_monitor.WhyOld());
    }

    [Fact]
    public void The_webserver_is_asked_as_well()
    {
        _webserver.SinceAccepted = TimeSpan.FromSeconds(130.5);

        Assert.Equal("the webserver has accepted no heartbeat for 131 s", _monitor.WhyOld());
        Assert.Equal([("webserver", 130.5)], Ages());
    }

    [Fact]
    public async Task Once_it_has_stopped_no_heartbeat_is_missing()
    {
        await BeginAsync();

        await _loop.StopAsync();
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Null(_monitor.WhyOld());
        Assert.Empty(Ages());
    }

    private async Task BeginAsync()
    {
        _loop.Start("i", () => new MachineFigures { At = default }, _ => { });
        await _clock.TimerSetAsync(IsPause).WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Moves time on by 65 seconds, within which the next heartbeat is sent.</summary>
    private async Task BeatAgainAsync()
    {
        _clock.Advance(TimeSpan.FromSeconds(65));
        await _clock.TimerSetAsync(IsPause).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static bool IsPause(TimeSpan dueIn) => dueIn > TimeSpan.Zero;

    private List<(string To, double Seconds)> Ages()
    {
        var ages = new List<(string, double)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, _services.GetRequiredService<IMeterFactory>()))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, age, tags, _) => ages.Add(((string)tags[0].Value!, age)));
        listener.Start();
        listener.RecordObservableInstruments();
        return ages;
    }

    private sealed class FakeWebserver : IWebserver
    {
        public TimeSpan? SinceAccepted { get; set; }

        public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task SendDyingHeartbeatAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
