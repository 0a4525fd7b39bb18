using System.Collections.Concurrent;
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

/// <summary>Meets a conflict, or calls one that does.</summary>
public interface IConflictGrain : IGrainWithStringKey
{
    Task<Guid> Activation();

    Task Conflict();

    Task ConflictOf(string other);
}

public sealed class ConflictGrain : Grain, IConflictGrain
{
    private readonly Guid _activation = Guid.NewGuid();

    public Task<Guid> Activation() => Task.FromResult(_activation);

    public Task Conflict() => throw new InconsistentStateException("written by another", "2", "1");

    public Task ConflictOf(string other) => GrainFactory.GetGrain<IConflictGrain>(other).Conflict();
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

    [Fact]
    public async Task A_conflict_costs_the_activation_that_has_met_it_and_not_those_that_it_passes_through()
    {
        var near = cluster.Grains.GetGrain<IConflictGrain>("near" + _key);
        var far = cluster.Grains.GetGrain<IConflictGrain>("far" + _key);
        var (nearFirst, farFirst) = (await near.Activation(), await far.Activation());
        var conflict = await Assert.ThrowsAsync<InconsistentStateException>(() => near.ConflictOf("far" + _key));
        Assert.Equal(("written by another", "2", "1"), (conflict.Message, conflict.StoredEtag, conflict.CurrentEtag));
        Assert.NotEqual(farFirst, await far.Activation());
        Assert.Equal(nearFirst, await near.Activation());
    }

    [Fact]
    public async Task The_state_of_a_grain_with_a_state_of_its_own_is_called_state()
    {
        var storage = new NamingStorage();
        var named = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton<IGrainStorage>(storage);
            silo.Services.AddKeyedSingleton<IGrainStorage>("Default", storage);
        });
        await named.Grains.GetGrain<IStateGrain>(_key).Increment();
        Assert.Equal(["state"], storage.Names.Distinct());
        await named.DisposeAsync();
    }

    private sealed class NamingStorage : IGrainStorage
    {
        public ConcurrentQueue<string> Names { get; } = new();

        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Note(stateName);

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Note(stateName);

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Note(stateName);

        private Task Note(string name)
        {
            Names.Enqueue(name);
            return Task.CompletedTask;
        }
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
