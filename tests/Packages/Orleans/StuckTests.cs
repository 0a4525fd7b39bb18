using Orleans.Configuration;

namespace HostService.Tests.Packages.Orleans;

public interface IStuckGrain : IGrainWithStringKey
{
    Task<Guid> Activation();

    Task Wait(string gate);
}

public sealed class StuckGrain(Gates gates) : Grain, IStuckGrain, ILifecycleParticipant<IGrainLifecycle>
{
    private readonly Guid _activation = Guid.NewGuid();

    public void Participate(IGrainLifecycle lifecycle) => lifecycle.Subscribe<StuckGrain>(
        GrainLifecycleStage.Activate,
        _ => Task.CompletedTask,
        _ => this.GetPrimaryKeyString().StartsWith("clings", StringComparison.Ordinal) ? gates.Pass("stop " + this.GetPrimaryKeyString()) : Task.CompletedTask);

    public Task<Guid> Activation() => Task.FromResult(_activation);

    public Task Wait(string gate) => gates.Pass(gate);
}

/// <summary>Activations that do not come to an end with what they are at.</summary>
public sealed class StuckTests(StuckTests.ImpatientCluster cluster) : IClassFixture<StuckTests.ImpatientCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task Who_waits_for_a_call_that_takes_far_too_long_gets_another_activation()
    {
        var grain = cluster.Grains.GetGrain<IStuckGrain>(_key);
        var first = await grain.Activation();
        var stuck = grain.Wait("stuck" + _key);
        await cluster.Gates.Reached("stuck" + _key);
        var waiting = grain.Activation();
        await cluster.Pass(_key, ticks: 60);
        var next = await grain.Activation().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotEqual(first, next);
        Assert.Equal(next, await waiting.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.False(stuck.IsCompleted);
        cluster.Gates.Open("stuck" + _key);
        await stuck.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(next, await grain.Activation());
    }

    [Fact]
    public async Task A_stop_that_does_not_end_holds_nobody_up_for_longer_than_a_deactivation_may_take()
    {
        var grain = cluster.Grains.GetGrain<IStuckGrain>("clings" + _key);
        var first = await grain.Activation();
        await cluster.Running.DeactivateAsync(grain).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(cluster.Gates.IsReached("stop clings" + _key));
        Assert.NotEqual(first, await grain.Activation());
        cluster.Gates.Open("stop clings" + _key);
    }

    /// <summary>A cluster that waits for nobody for long.</summary>
    public sealed class ImpatientCluster : Cluster
    {
        protected override void Configure(ISiloBuilder silo)
        {
            silo.Configure<SiloMessagingOptions>(options => options.MaxRequestProcessingTime = TimeSpan.FromMilliseconds(200));
            silo.Configure<GrainCollectionOptions>(options => options.DeactivationTimeout = TimeSpan.FromMilliseconds(200));
        }
    }
}
