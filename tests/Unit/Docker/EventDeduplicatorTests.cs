using HostService.Infrastructure.Docker;

namespace HostService.Tests.Unit.Docker;

public sealed class EventDeduplicatorTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly EventDeduplicator _events = new(TimeSpan.FromSeconds(5));

    [Fact]
    public void An_event_is_new_once_and_those_of_the_overlap_are_remembered()
    {
        for (var second = 0; second < 100; second++)
        {
            Assert.True(_events.IsNew(At(Noon.AddSeconds(second))));
            Assert.False(_events.IsNew(At(Noon.AddSeconds(second))));
        }

        Assert.Equal(6, _events.Remembered);
        Assert.Equal(Noon.AddSeconds(94), _events.ResumeFrom);
        Assert.True(_events.IsNew(At(Noon.AddSeconds(95.5))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(24 * 365)]
    public void A_clock_that_is_set_back_makes_it_neither_grow_nor_ask_for_the_future(int hours)
    {
        _events.IsNew(At(Noon));
        var back = Noon.AddHours(-hours);

        for (var second = 0; second < 1000; second++)
        {
            Assert.True(_events.IsNew(At(back.AddSeconds(second))));
            Assert.False(_events.IsNew(At(back.AddSeconds(second))));
        }

        Assert.Equal(6, _events.Remembered);
        Assert.Equal(back.AddSeconds(994), _events.ResumeFrom);
    }

    private static ContainerEvent At(DateTimeOffset time) => new("start", "c", new Dictionary<string, string>(), null, time);
}
