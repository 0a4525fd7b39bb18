namespace HostService.Tests.Packages.Orleans;

public sealed class TurnTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private ITurnsGrain Grain => cluster.Grains.GetGrain<ITurnsGrain>(_key);

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_call_reaches_the_grain_and_its_result_comes_back()
    {
        Assert.Equal(3, await Grain.Add(3));
        Assert.Equal(7, await Grain.Add(4));
    }

    [Fact]
    public async Task Value_tasks_bring_results_too()
    {
        Assert.Equal(_key, await Grain.Key());
        await Grain.Nothing();
    }

    [Fact]
    public async Task Two_references_to_one_key_reach_one_activation()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => cluster.Grains.GetGrain<ITurnsGrain>(_key).Add(1))));
        Assert.Equal(200, await Grain.Add(0));
    }

    [Fact]
    public async Task Two_keys_are_two_grains()
    {
        await Grain.Add(5);
        Assert.Equal(1, await cluster.Grains.GetGrain<ITurnsGrain>(_key + "x").Add(1));
    }

    [Fact]
    public async Task A_second_call_waits_until_the_first_has_ended()
    {
        var first = Grain.Wait("first" + _key);
        await Gates.Reached("first" + _key);
        var second = Grain.Wait("second" + _key);
        Assert.Equal("here", await Grain.Interleave());
        Assert.False(Gates.IsReached("second" + _key));
        Gates.Open("first" + _key);
        await first;
        await Gates.Reached("second" + _key);
        Gates.Open("second" + _key);
        await second;
    }

    [Fact]
    public async Task An_interleaving_call_is_answered_while_another_awaits()
    {
        var waiting = Grain.Wait("wait" + _key);
        await Gates.Reached("wait" + _key);
        Assert.Equal("here", await Grain.Interleave());
        Assert.False(waiting.IsCompleted);
        Gates.Open("wait" + _key);
        await waiting;
    }

    [Fact]
    public async Task Read_only_calls_run_side_by_side_but_not_beside_others()
    {
        var one = Grain.Read("one" + _key);
        var two = Grain.Read("two" + _key);
        await Gates.Reached("one" + _key);
        await Gates.Reached("two" + _key);
        var writer = Grain.Wait("writer" + _key);
        Assert.Equal("here", await Grain.Interleave());
        Assert.False(Gates.IsReached("writer" + _key));
        Gates.Open("one" + _key);
        Gates.Open("two" + _key);
        Assert.Equal("one" + _key, await one);
        Assert.Equal("two" + _key, await two);
        await Gates.Reached("writer" + _key);
        Gates.Open("writer" + _key);
        await writer;
    }

    [Fact]
    public async Task A_one_way_call_is_done_at_once_and_its_failure_is_nobodys()
    {
        await Grain.Tell("told" + _key);
        await Gates.Reached("told" + _key);
        Assert.Equal(1, await Grain.Add(1));
    }

    [Fact]
    public async Task A_method_that_returns_nothing_is_called_all_the_same()
    {
        Grain.Fire("fired" + _key);
        await Gates.Reached("fired" + _key);
    }

    [Fact]
    public async Task Code_after_an_await_is_back_on_the_grains_own_scheduler() => Assert.True(await Grain.StaysOnItsSchedulerAfterAwait());

    [Fact]
    public async Task What_a_grain_starts_itself_still_runs_one_at_a_time() => Assert.Equal(1, await Grain.CountConcurrently(50));
}
