using System.Runtime.CompilerServices;

namespace HostService.Tests.Packages.Orleans;

public interface IObservingGrain : IGrainWithStringKey
{
    /// <summary>What it is told that makes a reference to an object from inside.</summary>
    Task<string> MakeReference();
}

/// <summary>A grain that could be taken for an observer.</summary>
public sealed class ObservingGrain : Grain, IObservingGrain, IListener
{
    public Task Hear(string what) => Task.CompletedTask;

    public Task<string> MakeReference()
    {
        try
        {
            GrainFactory.CreateObjectReference<IListener>(new Ear());
            return Task.FromResult("");
        }
        catch (InvalidOperationException exception)
        {
            return Task.FromResult(exception.GetType().Name);
        }
    }
}

public sealed class Ear : IListener
{
    public Task Hear(string what) => Task.CompletedTask;
}

public sealed class ObserverTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public void A_grain_is_no_observer() =>
        Assert.Throws<ArgumentException>(() => cluster.Grains.CreateObjectReference<IListener>(new ObservingGrain()));

    [Fact]
    public void A_reference_needs_no_reference()
    {
        var ear = new Ear();
        var reference = cluster.Grains.CreateObjectReference<IListener>(ear);
        Assert.Throws<ArgumentException>(() => cluster.Grains.CreateObjectReference<IListener>(reference));
        GC.KeepAlive(ear);
    }

    [Fact]
    public void Each_reference_to_an_object_is_one_of_its_own_and_is_given_back_once()
    {
        var ear = new Ear();
        var one = cluster.Grains.CreateObjectReference<IListener>(ear);
        var two = cluster.Grains.CreateObjectReference<IListener>(ear);
        Assert.NotEqual(one, two);
        Assert.Throws<ArgumentException>(() => cluster.Grains.DeleteObjectReference<IListener>(ear));
        cluster.Grains.DeleteObjectReference<IListener>(one);
        Assert.Throws<ArgumentException>(() => cluster.Grains.DeleteObjectReference<IListener>(one));
        cluster.Grains.DeleteObjectReference<IListener>(two);
    }

    [Fact]
    public async Task A_grain_makes_no_references_to_objects() =>
        Assert.Equal(nameof(InvalidOperationException), await cluster.Grains.GetGrain<IObservingGrain>("inside").MakeReference());

    [Fact]
    public void A_reference_does_not_keep_its_object()
    {
        var (ear, reference) = Make();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(ear.IsAlive);
        GC.KeepAlive(reference);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private (WeakReference Ear, IListener Reference) Make()
    {
        var ear = new Ear();
        return (new WeakReference(ear), cluster.Grains.CreateObjectReference<IListener>(ear));
    }
}
