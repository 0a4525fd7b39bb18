using HostService.Grains.Lifecycle;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Lifecycle;

public sealed class StepTimelineTests
{
    private readonly ManualClock _clock = new();
    private readonly StepTimeline _timeline;

    public StepTimelineTests() => _timeline = new StepTimeline(_clock);

    [Fact]
    public void A_step_is_there_from_its_beginning_and_has_its_time_once_it_has_ended()
    {
        var began = _timeline.Begin("create", undo: false);
        Assert.Null(Assert.Single(_timeline.Steps).Milliseconds);
        _clock.Advance(TimeSpan.FromMilliseconds(1234.56));
        _timeline.End("create", undo: false, began, failure: "the name is taken");

        var step = Assert.Single(_timeline.Steps);

        Assert.Equal(("create", false, 1234.6f, "the name is taken"), (step.Name, step.Undo, step.Milliseconds, step.Failure));
        Assert.Equal(TimeSpan.FromMilliseconds(1234.56), _clock.GetUtcNow() - step.StartedAt);
    }

    [Fact]
    public void Steps_that_run_beside_each_other_are_told_apart()
    {
        var slow = _timeline.Begin("slow", undo: false);
        var quick = _timeline.Begin("quick", undo: false);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        _timeline.End("quick", undo: false, quick, null);
        var undo = _timeline.Begin("quick", undo: true);
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        _timeline.End("slow", undo: false, slow, null);
        _timeline.End("quick", undo: true, undo, null);

        Assert.Equal(
            [("slow", false, 3f), ("quick", false, 1f), ("quick", true, 2f)],
            _timeline.Steps.Select(s => (s.Name, s.Undo, s.Milliseconds!.Value)));
    }

    [Fact]
    public void Of_an_undo_that_is_tried_for_days_the_beginning_and_the_last_tries_stay()
    {
        _timeline.End("lease", undo: false, _timeline.Begin("lease", undo: false), null);
        for (var i = 0; i < 3 * StepTimeline.Longest; i++)
        {
            _timeline.End("create", undo: true, _timeline.Begin("create", undo: true), $"{i}");
        }

        Assert.Equal(StepTimeline.Longest, _timeline.Steps.Count);
        Assert.Equal(("lease", null), (_timeline.Steps[0].Name, _timeline.Steps[0].Failure));
        Assert.Equal(("0", "599"), (_timeline.Steps[1].Failure, _timeline.Steps[^1].Failure));
    }
}
