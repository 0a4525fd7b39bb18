using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Docker;

public sealed class ReconcileScheduleTests
{
    private static readonly TimeSpan Soonest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Latest = TimeSpan.FromSeconds(15);

    private readonly ManualClock _clock = new();
    private readonly ReconcileSchedule _look;

    public ReconcileScheduleTests() => _look = new ReconcileSchedule(Soonest, Latest, _clock);

    [Fact]
    public void None_is_needed_while_all_is_well()
    {
        Assert.Null(_look.DueIn);
        _look.Completed(succeeded: true);
        Assert.Null(_look.DueIn);
    }

    [Fact]
    public void However_much_fails_in_the_meantime_it_comes_when_the_first_failure_has_waited()
    {
        _look.Request();
        _clock.Advance(TimeSpan.FromSeconds(3));
        _look.Request();
        Assert.Equal(TimeSpan.FromSeconds(2), _look.DueIn);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.Zero, _look.DueIn);
    }

    [Fact]
    public void It_comes_later_from_failure_to_failure_and_soon_again_after_one_that_was_whole()
    {
        foreach (var seconds in new[] { 5, 10, 15, 15 })
        {
            _look.Completed(succeeded: false);
            Assert.Equal(TimeSpan.FromSeconds(seconds), _look.DueIn);
            _clock.Advance(Latest);
        }

        _look.Completed(succeeded: true);
        Assert.Null(_look.DueIn);
        _look.Request();
        Assert.Equal(Soonest, _look.DueIn);
    }
}
