using Orleans.Configuration;

namespace HostService.Tests.Cluster.Orleans;

/// <summary>
/// What the grains rely on of activations: an idle MandelboxGrain with a life is not collected, one without is, and HostGrain never is.
/// </summary>
public sealed class ActivationTests(ActivationTests.CollectingCluster cluster) : IClassFixture<ActivationTests.CollectingCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private IActivationGrain Grain => cluster.Grains.GetGrain<IActivationGrain>(_key, typeof(ActivationGrain).FullName);

    [Fact]
    public async Task Only_activations_that_asked_to_stay_outlive_the_collection_of_idle_ones()
    {
        var steady = cluster.Grains.GetGrain<ISteadyGrain>("steady" + _key);
        var delayed = cluster.Grains.GetGrain<IActivationGrain>("delayed" + _key, typeof(ActivationGrain).FullName);
        var (steadyId, delayedId) = (await steady.Id(), await delayed.Delay(Timeout.InfiniteTimeSpan));

        // The youngest of the three: once it has been collected, the others would have been.
        await Grain.Id();
        await cluster.Gates.ReachedAsync("gone" + _key);

        Assert.Equal((steadyId, delayedId), (await steady.Id(), await delayed.Id()));
    }

    [Fact]
    public async Task An_activation_that_withdraws_its_delay_is_collected_again()
    {
        var first = await Grain.Delay(Timeout.InfiniteTimeSpan);

        await Grain.Delay(TimeSpan.Zero);

        await cluster.Gates.ReachedAsync("gone" + _key);
        Assert.NotEqual(first, await Grain.Id());
    }

    [Fact]
    public async Task A_deactivated_grain_is_replaced_by_the_next_call()
    {
        var first = await Grain.Id();

        await Grain.Deactivate();

        await cluster.Gates.ReachedAsync("gone" + _key);
        Assert.NotEqual(first, await Grain.Id());
    }

    /// <summary>Collects idle activations after a second.</summary>
    public sealed class CollectingCluster : PlainCluster
    {
        protected override void Configure(ISiloBuilder silo) => silo.Configure<GrainCollectionOptions>(options =>
        {
            options.CollectionQuantum = TimeSpan.FromMilliseconds(250);
            options.CollectionAge = TimeSpan.FromSeconds(1);
        });
    }
}

public interface IActivationGrain : IGrainWithStringKey
{
    /// <summary>Another one for every activation.</summary>
    Task<Guid> Id();

    Task<Guid> Delay(TimeSpan time);

    Task Deactivate();
}

public interface ISteadyGrain : IActivationGrain;

public class ActivationGrain(Gates gates) : Grain, IActivationGrain
{
    private readonly Guid _id = Guid.NewGuid();

    public Task<Guid> Id() => Task.FromResult(_id);

    public Task<Guid> Delay(TimeSpan time)
    {
        DelayDeactivation(time);
        return Id();
    }

    public Task Deactivate()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        gates.Reach("gone" + this.GetPrimaryKeyString());
        return Task.CompletedTask;
    }
}

[KeepAlive]
public sealed class SteadyGrain(Gates gates) : ActivationGrain(gates), ISteadyGrain;
