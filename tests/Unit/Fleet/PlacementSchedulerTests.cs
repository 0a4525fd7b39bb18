using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Fleet;

public sealed class PlacementSchedulerTests
{
    private readonly ManualClock _clock = new();
    private readonly FleetOptions _options = new();
    private readonly PlacementScheduler _scheduler;

    public PlacementSchedulerTests() => _scheduler = new PlacementScheduler(_options, _clock);

    [Fact]
    public async Task A_host_that_refuses_is_followed_by_the_next_and_its_words_are_kept()
    {
        Report("a", free: 9);
        Report("b", free: 5);
        var placement = Place("m1");
        Assert.Equal("a", Asked(placement));

        _scheduler.Refused(placement, "its disk is full");
        Assert.Equal("b", Asked(placement));
        _scheduler.Unanswered(placement, "it did not answer");
        Assert.Empty(_scheduler.Next());

        var answer = await placement.Answer;
        Assert.Equal("no host takes it: a: its disk is full; b: it did not answer", answer.Refusal);
        Assert.True(answer.IsTemporary);
    }

    [Fact]
    public void Many_requests_between_two_reports_are_spread_evenly()
    {
        for (var host = 0; host < 10; host++)
        {
            Report($"h{host}", free: 50);
        }

        var placements = Enumerable.Range(0, 200).Select(number => Place($"m{number}")).ToList();
        Assert.Equal(200, _scheduler.Next().Count);

        Assert.All(placements.GroupBy(placement => placement.AskedHost), host => Assert.Equal(20, host.Count()));
    }

    [Fact]
    public void A_report_drops_what_the_host_had_reserved_and_keeps_what_it_has_not_answered()
    {
        Report("a", free: 2);
        var first = Place("m1");
        Assert.Equal("a", Asked(first));
        Assert.True(_scheduler.Reserved(first));
        var second = Place("m2");
        Assert.Equal("a", Asked(second));

        Report("a", free: 1);
        var third = Place("m3");
        Assert.Empty(_scheduler.Next());
        Report("a", free: 2);
        Assert.Equal("a", Asked(third));
    }

    [Fact]
    public void A_reservation_that_a_report_has_overtaken_is_not_counted_twice()
    {
        _options.Order = PlacementOrder.Pack;
        Report("a", free: 2);
        Report("b", free: 2);
        var first = Place("m1");
        Assert.Equal("a", Asked(first));
        Report("a", free: 1);
        Assert.True(_scheduler.Reserved(first));

        Assert.Equal("a", Asked(Place("m2")));
    }

    [Fact]
    public async Task The_last_room_is_asked_for_by_one_at_a_time_and_a_refusal_refuses_all()
    {
        Report("a", free: 1);
        var (first, second, third) = (Place("m1"), Place("m2"), Place("m3"));
        Assert.Equal(first, Assert.Single(_scheduler.Next()));

        Assert.True(_scheduler.Reserved(first));
        Assert.Equal(second, Assert.Single(_scheduler.Next()));
        _scheduler.Refused(second, "nothing is free");
        Assert.Empty(_scheduler.Next());

        Assert.Equal("a", (await first.Answer).Host);
        Assert.Equal("no host takes it: a: nothing is free", (await second.Answer).Refusal);
        Assert.Equal("no host takes it: a: nothing is free", (await third.Answer).Refusal);
    }

    [Fact]
    public async Task A_host_without_a_report_is_away_and_back_with_the_next_one()
    {
        Report("a", free: 5);
        _clock.Advance(_options.AwayAfter);
        Assert.Null(_scheduler.Hosts.Single().Away);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("no report for 12 s", _scheduler.Hosts.Single().Away);
        var placement = Place("m1");
        Assert.Empty(_scheduler.Next());
        Assert.True((await placement.Answer).IsTemporary);

        Report("a", free: 5);
        Assert.Equal("a", Asked(Place("m2")));
    }

    [Fact]
    public void A_clock_that_is_set_takes_no_host_out()
    {
        Report("a", free: 5);
        _clock.Set(TimeSpan.FromHours(1));
        Assert.Null(_scheduler.Hosts.Single().Away);
    }

    [Fact]
    public void What_a_host_reserves_that_is_away_by_then_is_given_back_and_the_next_is_asked()
    {
        Report("a", free: 9);
        Report("b", free: 5);
        var placement = Place("m1");
        Assert.Equal("a", Asked(placement));
        _scheduler.SetAway("a", "it is not connected");

        Assert.False(_scheduler.Reserved(placement));
        Assert.Equal("b", Asked(placement));
        Assert.True(_scheduler.Reserved(placement));
    }

    [Fact]
    public async Task Where_a_queue_is_they_wait_in_order_and_one_with_a_rare_wish_holds_nobody_up()
    {
        _options.QueueCapacity = 3;
        Report("a", free: 0);
        Report("g", free: 0, gpu: "A10G");
        var rare = Place("m1", new PlacementWishes(Gpu: "A10"));
        var (second, third, fourth) = (Place("m2"), Place("m3"), Place("m4"));
        Assert.Empty(_scheduler.Next());
        Assert.Equal(3, _scheduler.Queued);
        Assert.EndsWith("; the queue is full", (await fourth.Answer).Refusal, StringComparison.Ordinal);

        Report("a", free: 1);
        Assert.Equal([second], _scheduler.Next());
        Assert.True(_scheduler.Reserved(second));
        Assert.Equal([third], _scheduler.Next());
        _scheduler.Refused(third, "nothing is free");
        Assert.Empty(_scheduler.Next());

        Report("g", free: 2, gpu: "A10G");
        Assert.Equal([rare, third], _scheduler.Next());
    }

    [Fact]
    public async Task One_whose_time_is_over_is_refused_at_once_or_after_the_answer_that_is_owed()
    {
        _options.QueueCapacity = 5;
        Report("a", free: 1);
        var (asking, waiting) = (Place("m1"), Place("m2"));
        Assert.Equal([asking], _scheduler.Next());
        _clock.Advance(TimeSpan.FromSeconds(7));

        _scheduler.GiveUp(waiting);
        _scheduler.GiveUp(asking);
        Assert.Equal("no host takes it: a: its last room is being given to others; it waited 7 s", (await waiting.Answer).Refusal);
        Assert.False(asking.Answer.IsCompleted);

        _scheduler.Refused(asking, "nothing is free");
        Assert.Equal("no host takes it: a: nothing is free; it waited 7 s", (await asking.Answer).Refusal);
        Assert.Equal(0, _scheduler.Count);
    }

    [Fact]
    public async Task Nothing_is_refused_for_good_before_every_host_has_had_time_to_report()
    {
        PlacementWishes[] wishes = [new(Host: "b"), new(Gpu: "A10")];
        Report("a", free: 1);
        Assert.All(await RefusedAsync("early"), answer => Assert.True(answer.IsTemporary));

        _clock.Advance(_options.AwayAfter + TimeSpan.FromSeconds(1));
        Report("a", free: 1);
        Assert.All(await RefusedAsync("late"), answer => Assert.False(answer.IsTemporary));

        Task<PlacementAnswer[]> RefusedAsync(string id)
        {
            var placements = wishes.Select((wish, number) => Place($"{id}{number}", wish)).ToList();
            Assert.Empty(_scheduler.Next());
            return Task.WhenAll(placements.Select(placement => placement.Answer));
        }
    }

    [Fact]
    public void A_report_looks_at_no_other_host_unless_somebody_waits_for_room()
    {
        var clock = new CountingClock();
        var scheduler = new PlacementScheduler(_options, clock);
        for (var host = 0; host < 1000; host++)
        {
            scheduler.Report(ReportOf($"h{host}", free: 1));
        }

        scheduler.Add(new PlacementRequest("m", "app", new PlacementWishes()));
        Assert.Single(scheduler.Next());
        clock.Looks = 0;

        scheduler.Report(ReportOf("h500", free: 1));
        Assert.Empty(scheduler.Next());
        Assert.InRange(clock.Looks, 0, 5);
    }

    private Placement Place(string id, PlacementWishes? wishes = null) =>
        _scheduler.Add(new PlacementRequest(id, "app", wishes ?? new PlacementWishes()));

    private string? Asked(Placement placement)
    {
        Assert.Contains(placement, _scheduler.Next());
        return placement.AskedHost;
    }

    private void Report(string name, int free, string gpu = "T4") => _scheduler.Report(ReportOf(name, free, gpu));

    private static HostReport ReportOf(string name, int free, string gpu = "T4") => new()
    {
        Host = name,
        Address = "10.0.0.1",
        Status = HostStatus.Active,
        Capacity = 54,
        Free = free,
        GpuKinds = [gpu],
    };

    /// <summary>The age of each host that is looked at is read from it.</summary>
    private sealed class CountingClock : TimeProvider
    {
        public int Looks { get; set; }

        public override long GetTimestamp()
        {
            Looks++;
            return base.GetTimestamp();
        }
    }
}
