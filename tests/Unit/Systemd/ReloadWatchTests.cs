using HostService.Infrastructure.Linux.Systemd;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Systemd;

public sealed class ReloadWatchTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<ReloadWatch> _log = new();
    private readonly FakeSystemd _systemd = new();

    [Fact]
    public async Task A_reload_is_told_once_with_the_time_in_which_it_must_have_been()
    {
        Answers(() => 100, () => 100, () => 200, () => 200, () => 300);

        Assert.Equal([Interval, Interval], await WatchAsync(looks: 5));
    }

    [Fact]
    public async Task A_reload_while_systemd_could_not_be_asked_is_told_afterwards_and_the_failure_once()
    {
        Answers(() => 100, Fails, Fails, () => 200);

        Assert.Equal([3 * Interval], await WatchAsync(looks: 4));
        Assert.Equal("Warning: Cannot check whether systemd was reloaded: no bus", Assert.Single(_log.Lines));
    }

    [Fact]
    public async Task Where_systemd_does_not_tell_the_watch_ends_and_says_so()
    {
        Answers(() => null);

        Assert.Empty(await WatchAsync(looks: 1));
        Assert.Contains("reloads are not detected", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    private static long? Fails() => throw new SystemdException("no bus");

    private void Answers(params Func<long?>[] answers)
    {
        var next = 0;
        _systemd.UnitsLoadedAt = () => answers[Math.Min(next++, answers.Length - 1)]();
    }

    /// <summary>What is told in so many looks, an interval apart.</summary>
    private async Task<List<TimeSpan>> WatchAsync(int looks)
    {
        using var end = new CancellationTokenSource();
        var told = new List<TimeSpan>();
        var watch = new ReloadWatch(_systemd, Options.Create(new SystemdOptions { ReloadCheckInterval = Interval }), _clock, _log);
        var watching = Task.Run(async () =>
        {
            await foreach (var within in watch.WatchAsync(end.Token))
            {
                told.Add(within);
            }
        });
        for (var look = 1; look < looks; look++)
        {
            await _clock.TimerSetAsync(Interval);
            _clock.Advance(Interval);
        }

        if (await Task.WhenAny(_clock.TimerSetAsync(Interval), watching) == watching)
        {
            await watching;
            return told;
        }

        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);
        return told;
    }
}
