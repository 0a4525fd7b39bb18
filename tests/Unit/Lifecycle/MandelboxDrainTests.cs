using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Lifecycle;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>B30: a drain waits for its mandelboxes, and says who is still there.</summary>
public sealed class MandelboxDrainTests : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private readonly ManualClock _clock = new();
    private readonly FakeGrains _grains = new();
    private readonly FakeSystemd _systemd = new();
    private readonly RecordingLogger<MandelboxDrain> _log = new();
    private readonly CancellationTokenSource _stop = new();
    private Func<IReadOnlyList<MandelboxDescription>> _list = () => [];

    public MandelboxDrainTests() =>
        _grains.Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), _ => Task.FromResult(_list()));

    [Fact]
    public async Task Without_mandelboxes_it_ends_at_once()
    {
        await DrainAsync();
        Assert.Empty(_log.Lines);
        Assert.Empty(_systemd.Notifications);
    }

    [Fact]
    public async Task It_says_who_is_still_there_and_since_when_every_two_minutes_and_ends_when_the_last_has_left()
    {
        _list = () => [Mandelbox("one"), Mandelbox("two")];
        var drain = DrainAsync();
        await TicksAsync(120);
        _list = () => [Mandelbox("two")];
        await TicksAsync(120);
        Assert.False(drain.IsCompleted);

        _list = () => [Mandelbox("two", MandelboxState.Dying)];
        await TicksAsync(1);
        await drain.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(
            [
                "Information: Draining: 2 mandelboxes left: one since 2026-01-01 00:00:00Z, two since 2026-01-01 00:00:00Z",
                "Information: Draining: 2 mandelboxes left: one since 2026-01-01 00:00:00Z, two since 2026-01-01 00:00:00Z",
                "Information: Draining: 1 mandelbox left: two since 2026-01-01 00:00:00Z",
            ],
            _log.Lines.Select(l => l.Trim()));
        Assert.Equal(["STATUS=draining: 2 mandelboxes left", "STATUS=draining: 1 mandelbox left"], _systemd.Notifications);
    }

    [Fact]
    public async Task A_host_that_does_not_answer_cuts_nobody_off()
    {
        _list = () => throw new TimeoutException("no answer");
        var drain = DrainAsync();
        await TicksAsync(3);
        Assert.False(drain.IsCompleted);

        _list = () => [];
        await TicksAsync(1);
        await drain.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_stop_ends_the_wait()
    {
        _list = () => [Mandelbox("one")];
        var drain = DrainAsync();
        await _clock.TimerSetAsync(Tick);
        await _stop.CancelAsync();
        await drain.WaitAsync(TimeSpan.FromSeconds(30));
    }

    public void Dispose() => _stop.Dispose();

    private static MandelboxDescription Mandelbox(string id, MandelboxState state = MandelboxState.Running) => new()
    {
        MandelboxId = id,
        State = state,
        Since = DateTimeOffset.UnixEpoch,
        CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    private Task DrainAsync() => new MandelboxDrain(new StatusLine(_systemd), _clock, _log)
        .RunAsync(_grains.Factory.GetGrain<IHostGrain>("host"), _stop.Token);

    private async Task TicksAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await _clock.TimerSetAsync(Tick);
            _clock.Advance(Tick);
        }
    }
}
