namespace HostService.Tests.Packages.Orleans;

public interface IIntegerKeyGrain : IGrainWithIntegerKey
{
    Task<long> Key();
}

public interface IGuidKeyGrain : IGrainWithGuidKey
{
    Task<Guid> Key();
}

public interface IIntegerCompoundGrain : IGrainWithIntegerCompoundKey
{
    Task<(long Key, string? Extension)> Key();
}

public interface IGuidCompoundGrain : IGrainWithGuidCompoundKey
{
    Task<(Guid Key, string? Extension)> Key();
}

public sealed class IntegerKeyGrain : Grain, IIntegerKeyGrain
{
    public Task<long> Key() => Task.FromResult(this.GetPrimaryKeyLong());
}

public sealed class GuidKeyGrain : Grain, IGuidKeyGrain
{
    public Task<Guid> Key() => Task.FromResult(this.GetPrimaryKey());
}

public sealed class IntegerCompoundGrain : Grain, IIntegerCompoundGrain
{
    public Task<(long Key, string? Extension)> Key() => Task.FromResult((this.GetPrimaryKeyLong(out var extension), extension));
}

public sealed class GuidCompoundGrain : Grain, IGuidCompoundGrain
{
    public Task<(Guid Key, string? Extension)> Key() => Task.FromResult((this.GetPrimaryKey(out var extension), extension));
}

/// <summary>Passes grains around.</summary>
public interface IMeetingGrain : IGrainWithStringKey
{
    Task<string> Greet(IMeetingGrain other);

    Task<IMeetingGrain> Self();

    Task<string> Name();

    Task Listen(IListener listener);
}

public interface IListener : IGrainObserver
{
    Task Hear(string what);
}

public sealed class MeetingGrain : Grain, IMeetingGrain
{
    public async Task<string> Greet(IMeetingGrain other) => $"hello {await other.Name()}";

    public Task<IMeetingGrain> Self() => Task.FromResult<IMeetingGrain>(this);

    public Task<string> Name() => Task.FromResult(this.GetPrimaryKeyString());

    public Task Listen(IListener listener) => listener.Hear("from " + this.GetPrimaryKeyString());
}

public sealed class KeyTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Theory]
    [InlineData(0L)]
    [InlineData(-1L)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task Integer_keys_arrive(long key) => Assert.Equal(key, await cluster.Grains.GetGrain<IIntegerKeyGrain>(key).Key());

    [Fact]
    public async Task Guid_keys_arrive()
    {
        var key = Guid.NewGuid();
        Assert.Equal(key, await cluster.Grains.GetGrain<IGuidKeyGrain>(key).Key());
        Assert.Equal(key, cluster.Grains.GetGrain<IGuidKeyGrain>(key).GetPrimaryKey());
    }

    [Fact]
    public async Task Compound_keys_arrive()
    {
        var guid = Guid.NewGuid();
        Assert.Equal((5, "a+b"), await cluster.Grains.GetGrain<IIntegerCompoundGrain>(5, "a+b", null).Key());
        Assert.Equal((guid, "x"), await cluster.Grains.GetGrain<IGuidCompoundGrain>(guid, "x", null).Key());
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("mit Umlaut ä / and + slash")]
    [InlineData("../..")]
    public async Task String_keys_arrive_as_they_are(string key)
    {
        var grain = cluster.Grains.GetGrain<IMeetingGrain>(key);
        Assert.Equal(key, await grain.Name());
        Assert.Equal(key, grain.GetPrimaryKeyString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public void A_blank_key_is_refused(string key) => Assert.ThrowsAny<ArgumentException>(() => cluster.Grains.GetGrain<IMeetingGrain>(key));

    [Fact]
    public void References_to_one_grain_are_equal()
    {
        var grains = cluster.Grains;
        Assert.Equal(grains.GetGrain<IMeetingGrain>("a"), grains.GetGrain<IMeetingGrain>("a"));
        Assert.NotEqual(grains.GetGrain<IMeetingGrain>("a"), grains.GetGrain<IMeetingGrain>("b"));
        Assert.Equal(grains.GetGrain<IMeetingGrain>("a").GetGrainId(), GrainId.Parse("meeting/a"));
    }

    [Fact]
    public async Task Grains_can_be_passed_to_grains()
    {
        var grains = cluster.Grains;
        Assert.Equal("hello b", await grains.GetGrain<IMeetingGrain>("a").Greet(grains.GetGrain<IMeetingGrain>("b")));
    }

    [Fact]
    public async Task A_grain_that_passes_itself_arrives_as_a_reference()
    {
        var self = await cluster.Grains.GetGrain<IMeetingGrain>("self").Self();
        Assert.IsAssignableFrom<GrainReference>(self);
        Assert.Equal("self", await self.Name());
    }

    [Fact]
    public async Task A_grain_calls_back_an_object_outside()
    {
        var listener = new Listener();
        var reference = cluster.Grains.CreateObjectReference<IListener>(listener);
        await cluster.Grains.GetGrain<IMeetingGrain>("speaker").Listen(reference);
        Assert.Equal("from speaker", await listener.Heard.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        cluster.Grains.DeleteObjectReference<IListener>(reference);
    }

    [Fact]
    public void An_interface_that_no_grain_answers_is_refused() => Assert.Throws<ArgumentException>(() => cluster.Grains.GetGrain<IOrphanGrain>("x"));

    private sealed class Listener : IListener
    {
        public TaskCompletionSource<string> Heard { get; } = new();

        public Task Hear(string what)
        {
            Heard.TrySetResult(what);
            return Task.CompletedTask;
        }
    }
}

/// <summary>Nobody implements it.</summary>
public interface IOrphanGrain : IGrainWithStringKey
{
    Task Call();
}
