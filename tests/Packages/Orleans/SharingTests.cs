using Orleans.Concurrency;

namespace HostService.Tests.Packages.Orleans;

/// <summary>Gives and takes within one silo, where what is immutable is passed as it is.</summary>
public interface IGiverGrain : IGrainWithStringKey
{
    Task<bool> TakerGetsTheVeryRecord();

    Task<bool> TakerGetsTheVeryArgument();

    Task<bool> TakerGetsACopyOfAnOpenOne();
}

public interface ITakerGrain : IGrainWithStringKey
{
    Task<Sealed> Echo(Sealed value);

    Task<Immutable<Open>> EchoAsIs([Immutable] Open value);

    Task<Open> EchoCopy(Open value);
}

public sealed class GiverGrain : Grain, IGiverGrain
{
    private ITakerGrain Taker => GrainFactory.GetGrain<ITakerGrain>(this.GetPrimaryKeyString());

    public async Task<bool> TakerGetsTheVeryRecord()
    {
        var value = new Sealed([1]);
        return ReferenceEquals(value, await Taker.Echo(value));
    }

    public async Task<bool> TakerGetsTheVeryArgument()
    {
        var value = new Open("n", [1]);
        return ReferenceEquals(value, (await Taker.EchoAsIs(value)).Value);
    }

    public async Task<bool> TakerGetsACopyOfAnOpenOne()
    {
        var value = new Open("n", [1]);
        var echo = await Taker.EchoCopy(value);
        return !ReferenceEquals(value, echo) && echo.Numbers is [1];
    }
}

public sealed class TakerGrain : Grain, ITakerGrain
{
    public Task<Sealed> Echo(Sealed value) => Task.FromResult(value);

    public Task<Immutable<Open>> EchoAsIs(Open value) => Task.FromResult(value.AsImmutable());

    public Task<Open> EchoCopy(Open value) => Task.FromResult(value);
}

public sealed class SharingTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly IGiverGrain _giver = cluster.Grains.GetGrain<IGiverGrain>(Guid.NewGuid().ToString("N"));

    [Fact]
    public async Task An_immutable_type_is_passed_as_it_is() => Assert.True(await _giver.TakerGetsTheVeryRecord());

    [Fact]
    public async Task An_immutable_argument_is_passed_as_it_is() => Assert.True(await _giver.TakerGetsTheVeryArgument());

    [Fact]
    public async Task Anything_else_is_copied() => Assert.True(await _giver.TakerGetsACopyOfAnOpenOne());
}
