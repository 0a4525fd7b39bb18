using Orleans.Concurrency;

namespace HostService.Tests.Cluster.Orleans;

/// <summary>
/// What <c>GrainCallTimeouts</c> and the gateway rely on: a caller that gave up is told so, and the grain's work goes on.
/// </summary>
public sealed class TimeoutTests(PlainCluster cluster) : IClassFixture<PlainCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task A_call_ends_with_TimeoutException_after_its_ResponseTimeout_although_the_work_goes_on()
    {
        var grain = cluster.Grains.GetGrain<ISlowGrain>(_key);

        await Assert.ThrowsAsync<TimeoutException>(() => grain.Work(_key));

        Assert.Equal(0, await grain.Done());
        cluster.Gates.Open(_key);
        await cluster.Gates.ReachedAsync("done" + _key);
        Assert.Equal(1, await grain.Done());
    }
}

public interface ISlowGrain : IGrainWithStringKey
{
    [ResponseTimeout("00:00:01")]
    Task Work(string gate);

    [AlwaysInterleave]
    Task<int> Done();
}

public sealed class SlowGrain(Gates gates) : Grain, ISlowGrain
{
    private int _done;

    public async Task Work(string gate)
    {
        await gates.PassAsync(gate);
        _done++;
        gates.Reach("done" + gate);
    }

    public Task<int> Done() => Task.FromResult(_done);
}
