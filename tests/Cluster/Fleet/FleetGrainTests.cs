using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

public sealed class FleetGrainTests : IAsyncLifetime
{
    private readonly FleetCluster _cluster;
    private int _queue;

    public FleetGrainTests() => _cluster = new FleetCluster { Configure = options => options.QueueCapacity = _queue };

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_host_that_refuses_is_followed_by_the_next()
    {
        await _cluster.StartAsync();
        var (full, other) = (await _cluster.ConnectAsync("a", free: 9), await _cluster.ConnectAsync("b", free: 5));
        full.Free = 0;

        var answer = await _cluster.Fleet.Place(FleetCluster.Wish("m1"));

        Assert.Equal(("b", "address of b", null), (answer.Host, answer.Address, answer.Refusal));
        Assert.Equal(["Reserve m1"], full.Calls);
        Assert.Equal(["m1"], other.Reserved.Keys);
    }

    [Fact]
    public async Task When_all_refuse_the_reason_of_each_is_told()
    {
        await _cluster.StartAsync();
        var host = await _cluster.ConnectAsync("a");
        await _cluster.ConnectAsync("b", free: 0);
        host.Free = 0;

        var answer = await _cluster.Fleet.Place(FleetCluster.Wish("m1"));

        Assert.Equal((null, "no host takes it: a: nothing is free; b: it is full", true), (answer.Host, answer.Refusal, answer.IsTemporary));
    }

    [Fact]
    public async Task A_lost_answer_costs_no_place_and_the_reservation_is_cancelled()
    {
        await _cluster.StartAsync();
        var (silent, other) = (await _cluster.ConnectAsync("a", free: 9), await _cluster.ConnectAsync("b", free: 5));
        var never = new TaskCompletionSource();
        silent.Before(nameof(IHostCalls.Reserve), () => never.Task);

        var place = _cluster.Fleet.Place(FleetCluster.Wish("m1"));
        await silent.CalledAsync("Reserve m1");
        await _cluster.Clock.TimerSetAsync(TimeSpan.FromSeconds(4));
        _cluster.Clock.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal("b", (await place).Host);
        await silent.CalledAsync("CancelReservation m1");
        Assert.Empty(silent.Reserved);
        Assert.Equal(["m1"], other.Reserved.Keys);
        never.SetResult();
    }

    [Fact]
    public async Task Two_requests_for_one_mandelbox_are_one()
    {
        await _cluster.StartAsync();
        var host = await _cluster.ConnectAsync("a");
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.Reserve), () => answered.Task);

        var first = _cluster.Fleet.Place(FleetCluster.Wish("m1"));
        await host.CalledAsync("Reserve m1");
        var second = _cluster.Fleet.Place(FleetCluster.Wish("m1"));
        await _cluster.Fleet.ListHosts();
        answered.SetResult();

        Assert.Equal(("a", "a"), ((await first).Host, (await second).Host));
        Assert.Equal(["Reserve m1"], host.Calls);
    }

    [Fact]
    public async Task Those_that_wait_get_what_a_report_shows_in_their_order()
    {
        _queue = 5;
        await _cluster.StartAsync();
        var host = await _cluster.ConnectAsync("a", free: 0);
        var first = _cluster.Fleet.Place(FleetCluster.Wish("m1"));
        await _cluster.Clock.TimerSetAsync(TimeSpan.FromSeconds(30));
        var second = _cluster.Fleet.Place(FleetCluster.Wish("m2"));
        await _cluster.Fleet.ListHosts();

        host.Free = 1;
        await _cluster.ReportAsync(host);
        Assert.Equal("a", (await first).Host);
        Assert.False(second.IsCompleted);

        // More than once, as hosts do: the answer that m2 got before this may come after the report.
        host.Free = 1;
        await FleetCluster.UntilAsync(async () =>
        {
            await _cluster.ReportAsync(host);
            return second.IsCompleted;
        });
        Assert.Equal("a", (await second).Host);
    }

    [Fact]
    public async Task One_that_waited_too_long_is_refused_with_the_reason()
    {
        _queue = 5;
        await _cluster.StartAsync();
        await _cluster.ConnectAsync("a", free: 0);
        var place = _cluster.Fleet.Place(FleetCluster.Wish("m1"));
        await _cluster.Clock.TimerSetAsync(TimeSpan.FromSeconds(30));

        _cluster.Clock.Advance(TimeSpan.FromSeconds(30));

        var answer = await place;
        Assert.Equal("no host takes it: a: it is away: no report for 30 s; it waited 30 s", answer.Refusal);
        Assert.True(answer.IsTemporary);
    }

    [Fact]
    public async Task A_host_that_is_draining_or_silent_gets_nothing_and_is_listed_so()
    {
        await _cluster.StartAsync();
        var (draining, silent) = (await _cluster.ConnectAsync("a"), await _cluster.ConnectAsync("b"));
        _cluster.Clock.Advance(TimeSpan.FromSeconds(12));
        draining.Status = HostStatus.Draining;
        await _cluster.ReportAsync(draining);

        var answer = await _cluster.Fleet.Place(FleetCluster.Wish("m1"));

        Assert.Equal("no host takes it: a: it is draining; b: it is away: no report for 12 s", answer.Refusal);
        Assert.True(answer.IsTemporary);
        Assert.Equal([null, "no report for 12 s"], (await _cluster.Fleet.ListHosts()).Select(h => h.Away));
        Assert.Empty(silent.Calls);
    }
}
