using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;

namespace HostService.Tests.Packages.Orleans;

[GenerateSerializer]
public sealed class Counter
{
    [Id(0)] public int Value { get; set; }

    [Id(1)] public List<string> Names { get; set; } = [];
}

public interface IStoredGrain : IGrainWithStringKey
{
    Task<int> Increment(bool write);

    Task<int> Value();

    Task<bool> IsStored();

    Task Clear();

    Task Reread();

    Task Go();
}

public sealed class StoredGrain([PersistentState("counter", "store")] IPersistentState<Counter> counter) : Grain, IStoredGrain
{
    public async Task<int> Increment(bool write)
    {
        counter.State.Value++;
        counter.State.Names.Add($"{counter.State.Value}");
        if (write)
            await counter.WriteStateAsync();
        return counter.State.Value;
    }

    public Task<int> Value() => Task.FromResult(counter.State.Value);

    public Task<bool> IsStored() => Task.FromResult(counter.RecordExists);

    public Task Clear() => counter.ClearStateAsync();

    public Task Reread() => counter.ReadStateAsync();

    public Task Go()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public interface IStateGrain : IGrainWithStringKey
{
    Task<int> Increment();
}

public sealed class StateGrain : Grain<Counter>, IStateGrain
{
    public async Task<int> Increment()
    {
        State.Value++;
        await WriteStateAsync();
        DeactivateOnIdle();
        return State.Value;
    }
}

public interface IHomelessGrain : IGrainWithStringKey
{
    Task Call();
}

public sealed class HomelessGrain([PersistentState("x", "no such store")] IPersistentState<Counter> state) : Grain, IHomelessGrain
{
    public Task Call() => Task.FromResult(state.State);
}

public sealed class StorageTests(StorageTests.StoringCluster cluster) : IClassFixture<StorageTests.StoringCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private IStoredGrain Grain => cluster.Grains.GetGrain<IStoredGrain>(_key);

    [Fact]
    public async Task State_that_was_written_is_there_in_the_next_activation()
    {
        Assert.False(await Grain.IsStored());
        await Grain.Increment(write: true);
        await Grain.Increment(write: true);
        await cluster.Running.DeactivateAsync(Grain);
        Assert.Equal(2, await Grain.Value());
        Assert.True(await Grain.IsStored());
    }

    [Fact]
    public async Task State_that_was_not_written_is_not()
    {
        await Grain.Increment(write: true);
        await Grain.Increment(write: false);
        await cluster.Running.DeactivateAsync(Grain);
        Assert.Equal(1, await Grain.Value());
    }

    [Fact]
    public async Task State_can_be_read_again_and_cleared()
    {
        await Grain.Increment(write: true);
        await Grain.Increment(write: false);
        await Grain.Reread();
        Assert.Equal(1, await Grain.Value());
        await Grain.Clear();
        Assert.Equal(0, await Grain.Value());
        Assert.False(await Grain.IsStored());
        Assert.Equal(1, await Grain.Increment(write: true));
    }

    [Fact]
    public async Task A_grain_with_a_state_of_its_own_reads_it_from_the_default_storage()
    {
        var grain = cluster.Grains.GetGrain<IStateGrain>(_key);
        Assert.Equal(1, await grain.Increment());
        Assert.Equal(2, await grain.Increment());
    }

    [Fact]
    public async Task A_storage_that_is_not_there_is_named()
    {
        var exception = await Record.ExceptionAsync(() => cluster.Grains.GetGrain<IHomelessGrain>(_key).Call());
        Assert.Contains("no such store", exception!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_writes_what_somebody_else_has_written_since_is_refused()
    {
        var storage = cluster.SiloServices.GetRequiredKeyedService<IGrainStorage>("store");
        var id = GrainId.Create("stored", _key);
        var mine = new State();
        var theirs = new State();
        await storage.ReadStateAsync("s", id, mine);
        await storage.ReadStateAsync("s", id, theirs);
        await storage.WriteStateAsync("s", id, theirs);
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", id, mine));
    }

    private sealed class State : IGrainState<Counter>
    {
        Counter? IGrainState<Counter>.State { get; set; } = new();

        public string? ETag { get; set; }

        public bool RecordExists { get; set; }
    }

    /// <summary>A cluster with two storages.</summary>
    public sealed class StoringCluster : Cluster
    {
        protected override void Configure(ISiloBuilder silo)
        {
            silo.AddMemoryGrainStorage("store");
            silo.AddMemoryGrainStorageAsDefault();
        }
    }
}
