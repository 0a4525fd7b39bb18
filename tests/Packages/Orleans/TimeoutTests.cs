using Orleans.Concurrency;
using Orleans.Configuration;

namespace HostService.Tests.Packages.Orleans;

public interface ISlowGrain : IGrainWithStringKey
{
    // Long enough for a call to get its turn on a machine that is busy with something else.
    [ResponseTimeout("00:00:02")]
    Task WaitBriefly(string gate);

    [ResponseTimeout("00:00:02")]
    Task ReachBriefly(string gate);

    Task Wait(string gate);

    [AlwaysInterleave]
    Task Ping();
}

public sealed class SlowGrain(Gates gates) : Grain, ISlowGrain
{
    public Task WaitBriefly(string gate) => gates.Pass(gate);

    public Task ReachBriefly(string gate)
    {
        gates.Reach(gate);
        return Task.CompletedTask;
    }

    public Task Wait(string gate) => gates.Pass(gate);

    public Task Ping() => Task.CompletedTask;
}

public sealed class TimeoutTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_method_may_say_how_long_its_callers_wait()
    {
        var grain = cluster.Grains.GetGrain<ISlowGrain>(_key);
        var exception = await Assert.ThrowsAsync<TimeoutException>(() => grain.WaitBriefly("gate" + _key));
        Assert.Contains("Response did not arrive on time in 00:00:02", exception.Message, StringComparison.Ordinal);
        Gates.Open("gate" + _key);
    }

    [Fact]
    public async Task A_client_has_a_time_out_of_its_own()
    {
        // The test cluster's own calls, with which it waits until all is up, have no more time than that either.
        var impatient = await Cluster.Start(_ => { }, client => client.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = TimeSpan.FromSeconds(3)));
        await Assert.ThrowsAsync<TimeoutException>(() => impatient.Grains.GetGrain<ISlowGrain>(_key).Wait("gate" + _key));
        impatient.Gates.Open("gate" + _key);
        await impatient.DisposeAsync();
    }

    [Fact]
    public async Task The_grain_goes_on_after_its_caller_has_given_up_and_keeps_others_waiting_meanwhile()
    {
        var grain = cluster.Grains.GetGrain<ISlowGrain>(_key);
        await Assert.ThrowsAsync<TimeoutException>(() => grain.WaitBriefly("gate" + _key));
        var next = grain.Wait("next" + _key);
        await grain.Ping();
        Assert.False(Gates.IsReached("next" + _key));
        Gates.Open("gate" + _key);
        await Gates.Reached("next" + _key);
        Gates.Open("next" + _key);
        await next;
    }

    [Fact]
    public async Task A_call_whose_caller_has_given_up_before_its_turn_is_not_run()
    {
        var grain = cluster.Grains.GetGrain<ISlowGrain>(_key);
        var first = grain.Wait("first" + _key);
        await Gates.Reached("first" + _key);
        await Assert.ThrowsAsync<TimeoutException>(() => grain.ReachBriefly("late" + _key));
        Gates.Open("first" + _key);
        await first;
        Gates.Open("last" + _key);
        await grain.Wait("last" + _key);
        Assert.False(Gates.IsReached("late" + _key));
    }
}
