using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Host;

public sealed class EventJournalTests
{
    private readonly ManualClock _clock = new();
    private readonly EventJournal _journal;

    public EventJournalTests() => _journal = new EventJournal(_clock);

    [Fact]
    public void Events_are_numbered_from_one_and_have_the_time()
    {
        Add("first");
        _clock.Advance(TimeSpan.FromSeconds(5));
        Add("second");

        Assert.Equal([(1, "first"), (2, "second")], _journal.Last(10).Select(e => (e.Sequence, e.Text)));
        Assert.Equal(TimeSpan.FromSeconds(5), _journal.Last(10)[1].At - _journal.Last(10)[0].At);
    }

    [Fact]
    public void The_last_thousand_are_kept()
    {
        for (var i = 1; i <= HostEvents.Kept + 3; i++)
        {
            Add($"{i}");
        }

        var all = _journal.Last(int.MaxValue);

        Assert.Equal((HostEvents.Kept, 4, 1003), (all.Count, all[0].Sequence, all[^1].Sequence));
        Assert.Equal([1002, 1003], _journal.Last(2).Select(e => e.Sequence));
    }

    [Fact]
    public void Those_of_one_mandelbox_can_be_told_from_all_others()
    {
        Add("of the host");
        _journal.Add(HostEventKind.Mandelbox, EventSeverity.Information, "runs", "m1", MandelboxState.Running);
        _journal.Add(HostEventKind.Mandelbox, EventSeverity.Warning, "ends", "m2", MandelboxState.Dying, EndCause.Killed);

        var only = Assert.Single(_journal.Last(10, "m2"));

        Assert.Equal((3, MandelboxState.Dying, EndCause.Killed), (only.Sequence, only.State, only.Cause));
    }

    [Theory]
    [InlineData(0, 10, "1 2 3")]
    [InlineData(1, 10, "2 3")]
    [InlineData(1, 1, "2")]
    [InlineData(3, 10, "")]
    // Of an earlier run.
    [InlineData(4, 10, "1 2 3")]
    [InlineData(long.MaxValue, 10, "1 2 3")]
    public void Those_after_a_number_are_the_next_ones_and_all_after_a_number_of_an_earlier_run(long after, int limit, string expected)
    {
        Add("1");
        Add("2");
        Add("3");

        Assert.Equal(expected, string.Join(' ', _journal.After(after, limit).Select(e => e.Text)));
    }

    [Fact]
    public void After_a_number_that_is_kept_no_more_come_all_that_are()
    {
        for (var i = 1; i <= HostEvents.Kept + 10; i++)
        {
            Add($"{i}");
        }

        Assert.Equal((11, HostEvents.Kept), (_journal.After(5, int.MaxValue)[0].Sequence, _journal.After(5, int.MaxValue).Count));
    }

    [Fact]
    public void Nothing_is_after_any_number_in_an_empty_one() => Assert.Empty(_journal.After(7, 10));

    [Fact]
    public async Task Whoever_waits_gets_the_next_event()
    {
        Add("before");
        var reading = _journal.ReadAsync(1, 10, CancellationToken.None);
        Assert.False(reading.IsCompleted);

        Add("next");

        Assert.Equal(["next"], (await reading).Select(e => e.Text));
        Assert.Equal(0, _clock.PendingTimers);
    }

    [Fact]
    public async Task A_wait_in_which_nothing_happens_ends_with_nothing_after_its_time()
    {
        Add("before");
        var reading = _journal.ReadAsync(1, 10, CancellationToken.None);
        _clock.Advance(HostEvents.LongestRead - TimeSpan.FromSeconds(1));
        Assert.False(reading.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Empty(await reading);
    }

    [Fact]
    public async Task A_wait_ends_when_it_is_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var reading = _journal.ReadAsync(0, 10, cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    private void Add(string text) => _journal.Add(HostEventKind.Host, EventSeverity.Information, text);
}
