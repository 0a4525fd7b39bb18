using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Database;

public sealed class ScheduleTests
{
    private static readonly MachineFigures Figures = new() { At = default };

    private static readonly Func<CancellationToken, Task<IReadOnlyCollection<string>>> Alive = _ =>
        Task.FromResult<IReadOnlyCollection<string>>([]);

    private readonly ManualClock _clock = new();
    private readonly FakeDatabase _database = new();
    private readonly RecordingLogger<HeartbeatLoop> _beats = new();
    private readonly RecordingLogger<StaleRowSweep> _sweeps = new();

    [Fact]
    public async Task The_heart_beats_at_once_and_then_every_55_to_65_seconds_at_random()
    {
        await using var loop = new HeartbeatLoop(_database, _clock, _beats);
        loop.Start("i", () => Figures, _ => { });

        var pauses = await MeasureAsync(40, 55, 65);

        Assert.Equal(Enumerable.Repeat(Figures, 40), _database.Heartbeats);
        Assert.True(pauses.Distinct().Count() > 10);
    }

    [Fact]
    public async Task The_sweep_comes_at_once_and_then_every_nine_and_a_half_to_ten_and_a_half_seconds()
    {
        await using var sweep = new StaleRowSweep(_database, _clock, _sweeps);
        sweep.Start("i", Alive, _ => { });

        var pauses = await MeasureAsync(40, 9.5, 10.5);

        Assert.Equal(40, _database.Sweeps);
        Assert.True(pauses.Distinct().Count() > 10);
    }

    [Fact]
    public async Task Failures_are_reported_each_time_for_the_heartbeat_and_end_nothing()
    {
        _database.HeartbeatAnswer = () => throw new BackendDatabaseException("away");
        await using var loop = new HeartbeatLoop(_database, _clock, _beats);
        loop.Start("i", () => Figures, _ => { });

        await MeasureAsync(3, 55, 65);

        Assert.Equal(3, _beats.Lines.Count(l => l.Contains("away", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Failures_of_the_sweep_are_reported_when_they_begin_and_end()
    {
        _database.Sweep.FailNext(3, () => new BackendDatabaseException("away"));
        await using var sweep = new StaleRowSweep(_database, _clock, _sweeps);
        sweep.Start("i", Alive, _ => { });
        await MeasureAsync(3, 9.5, 10.5);
        Assert.Single(_sweeps.Lines);

        _clock.Advance(TimeSpan.FromSeconds(10.5));
        await _sweeps.LineAsync("can be removed again");
    }

    [Fact]
    public async Task That_the_host_is_not_wanted_any_more_is_told_by_heartbeat_and_sweep()
    {
        _database.HeartbeatAnswer = () => _database.Heartbeats.Count == 2 ? "beat" : null;
        var asked = 0;
        _database.WhyNotWanted = () => asked++ == 1 ? "sweep" : null;
        var told = new List<string>();
        await using var loop = new HeartbeatLoop(_database, _clock, _beats);
        loop.Start("i", () => Figures, told.Add);
        await MeasureAsync(2, 55, 65);
        await loop.StopAsync();
        await using var sweep = new StaleRowSweep(_database, _clock, _sweeps);
        sweep.Start("i", Alive, told.Add);
        await MeasureAsync(2, 9.5, 10.5);

        Assert.Equal(["beat", "sweep"], told);
    }

    [Fact]
    public async Task Figures_that_cannot_be_read_do_not_cost_the_heartbeat()
    {
        await using var loop = new HeartbeatLoop(_database, _clock, _beats);
        loop.Start("i", () => throw new IOException("/proc is gone"), _ => { });

        await MeasureAsync(1, 55, 65);

        Assert.Equal([new MachineFigures { At = _clock.GetUtcNow() }], _database.Heartbeats);
        Assert.Contains("/proc is gone", Assert.Single(_beats.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_the_stop_the_heart_is_still_and_stopping_again_or_never_having_started_does_no_harm()
    {
        await using var loop = new HeartbeatLoop(_database, _clock, _beats);
        loop.Start("i", () => Figures, _ => { });
        await MeasureAsync(1, 55, 65);

        await loop.StopAsync();
        await loop.StopAsync();
        _clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Single(_database.Heartbeats);
        await using var never = new HeartbeatLoop(_database, _clock, _beats);
        await never.StopAsync();
    }

    [Fact]
    public async Task Stopping_the_sweep_sweeps_exactly_once_more()
    {
        await using var sweep = new StaleRowSweep(_database, _clock, _sweeps);
        sweep.Start("i", Alive, _ => { });
        await MeasureAsync(1, 9.5, 10.5);

        await sweep.StopAsync(default);
        await sweep.StopAsync(default);

        Assert.Equal(2, _database.Sweeps);
    }

    /// <summary>Lets the schedule come round so many times; every pause is within the bounds. The last one has only begun.</summary>
    private async Task<List<TimeSpan>> MeasureAsync(int rounds, double least, double most)
    {
        var pauses = new List<TimeSpan>();
        while (true)
        {
            var pause = TimeSpan.Zero;
            await _clock.TimerSetAsync(due => (pause = due) >= TimeSpan.FromSeconds(least) && due <= TimeSpan.FromSeconds(most));
            pauses.Add(pause);
            if (pauses.Count == rounds)
            {
                return pauses;
            }

            _clock.Advance(pause);
        }
    }
}
