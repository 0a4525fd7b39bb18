using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class LeaseQueueTests
{
    private readonly LeaseQueue _queue = new(2);

    [Fact]
    public void The_first_that_came_is_the_next()
    {
        var first = Add("a")!;
        Assert.NotNull(Add("b"));

        Assert.Equal(first, _queue.Next);
        Assert.Equal(["a", "b"], _queue.Mandelboxes);
        Assert.Equal((1, 2, null), (_queue.PlaceOf("a"), _queue.PlaceOf("b"), _queue.PlaceOf("c")));
        Assert.Equal(first, _queue.Find(first.Request.LeaseId));
        Assert.Null(_queue.Find(Guid.NewGuid()));
    }

    [Fact]
    public void It_takes_as_many_as_its_capacity()
    {
        Assert.NotNull(Add("a"));
        Assert.NotNull(Add("b"));
        Assert.Null(Add("c"));
        Assert.Null(new LeaseQueue(0).TryAdd(new LeaseRequest(Guid.NewGuid(), "a"), "no TTY is free"));
    }

    [Fact]
    public async Task The_first_answer_counts()
    {
        var waiting = Add("a")!;

        Assert.True(_queue.Answer(waiting, LeaseAnswer.Refused("one")));
        Assert.False(_queue.Answer(waiting, LeaseAnswer.Refused("two")));

        Assert.Equal("one", (await waiting.Answer).Refusal);
        Assert.Null(_queue.Next);
        Assert.Equal(0, _queue.Count);
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(20, 15, true)]
    [InlineData(20, 0, false)]
    [InlineData(0, 15, false)]
    [InlineData(-1, 0, false)]
    [InlineData(1001, 15, false)]
    [InlineData(20, -1, false)]
    public void Its_settings_belong_together(int capacity, int seconds, bool isValid) =>
        Assert.Equal(isValid, !new QueueOptions { Capacity = capacity, Timeout = TimeSpan.FromSeconds(seconds) }.Validate().Any());

    private WaitingRequest? Add(string mandelbox) => _queue.TryAdd(new LeaseRequest(Guid.NewGuid(), mandelbox), "no TTY is free");
}
