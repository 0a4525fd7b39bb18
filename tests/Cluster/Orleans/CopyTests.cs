namespace HostService.Tests.Cluster.Orleans;

/// <summary>
/// What the records of GrainInterfaces rely on: they cross a call as they are because they are immutable; everything else is copied, or
/// refused.
/// </summary>
public sealed class CopyTests(PlainCluster cluster) : IClassFixture<PlainCluster>
{
    private readonly ICallerGrain _caller = cluster.Grains.GetGrain<ICallerGrain>(Guid.NewGuid().ToString("N"));

    [Fact]
    public async Task A_grain_does_not_see_what_its_caller_changes_after_the_call() =>
        Assert.Equal([1], await _caller.ChangeAfterKeeping(new Changeable { Numbers = [1] }));

    [Fact]
    public async Task An_immutable_record_is_passed_as_it_is() => Assert.True(await _caller.GetsTheSameBack());

    [Fact]
    public async Task An_unmarked_type_is_refused()
    {
        var exception = await Record.ExceptionAsync(() => _caller.PassUnmarked());

        Assert.Contains(nameof(Unmarked), $"{exception}", StringComparison.Ordinal);
    }
}

[GenerateSerializer]
public sealed class Changeable
{
    [Id(0)] public List<int> Numbers { get; init; } = [];
}

[GenerateSerializer, Immutable]
public sealed record Unchangeable([property: Id(0)] IReadOnlyList<int> Numbers);

public sealed class Unmarked;

/// <summary>Calls another grain of the same silo, as MandelboxGrain calls HostGrain.</summary>
public interface ICallerGrain : IGrainWithStringKey
{
    Task<List<int>> ChangeAfterKeeping(Changeable value);

    Task<bool> GetsTheSameBack();

    Task PassUnmarked();
}

public interface IKeeperGrain : IGrainWithStringKey
{
    Task Keep(object value);

    Task<Unchangeable> Echo(Unchangeable value);

    Task<List<int>> KeptNumbers();
}

public sealed class CallerGrain : Grain, ICallerGrain
{
    private IKeeperGrain Keeper => GrainFactory.GetGrain<IKeeperGrain>(this.GetPrimaryKeyString());

    public async Task<List<int>> ChangeAfterKeeping(Changeable value)
    {
        await Keeper.Keep(value);
        value.Numbers.Add(2);
        return await Keeper.KeptNumbers();
    }

    public async Task<bool> GetsTheSameBack()
    {
        var value = new Unchangeable([1]);
        return ReferenceEquals(value, await Keeper.Echo(value));
    }

    public Task PassUnmarked() => Keeper.Keep(new Unmarked());
}

public sealed class KeeperGrain : Grain, IKeeperGrain
{
    private object? _kept;

    public Task Keep(object value)
    {
        _kept = value;
        return Task.CompletedTask;
    }

    public Task<Unchangeable> Echo(Unchangeable value) => Task.FromResult(value);

    public Task<List<int>> KeptNumbers() => Task.FromResult(((Changeable)_kept!).Numbers);
}
