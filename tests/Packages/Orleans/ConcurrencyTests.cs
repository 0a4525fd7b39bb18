using Orleans.Concurrency;
using Orleans.Serialization.Invocation;

namespace HostService.Tests.Packages.Orleans;

public interface IOpenGrain : IGrainWithStringKey
{
    Task Wait(string gate);
}

public interface IReentrantTestGrain : IOpenGrain;

public interface IWorkerTestGrain : IOpenGrain;

public interface IChoosyTestGrain : IOpenGrain
{
    Task Quick(string gate);
}

[Reentrant]
public sealed class ReentrantTestGrain(Gates gates) : Grain, IReentrantTestGrain
{
    public Task Wait(string gate) => gates.Pass(gate);
}

[StatelessWorker(2)]
public sealed class WorkerTestGrain(Gates gates) : Grain, IWorkerTestGrain
{
    public Task Wait(string gate) => gates.Pass(gate);
}

[MayInterleave(nameof(IsQuick))]
public sealed class ChoosyTestGrain(Gates gates) : Grain, IChoosyTestGrain
{
    public static bool IsQuick(IInvokable call) => call.GetMethodName() == nameof(Quick);

    public Task Wait(string gate) => gates.Pass(gate);

    public Task Quick(string gate)
    {
        gates.Reach(gate);
        return Task.CompletedTask;
    }
}

/// <summary>Two grains that call each other back.</summary>
public interface ICircleGrain : IGrainWithStringKey
{
    Task<string> Around(string other, bool letIn);

    Task<string> Back(string caller);

    Task<string> Home();
}

public sealed class CircleGrain : Grain, ICircleGrain
{
    public async Task<string> Around(string other, bool letIn)
    {
        var next = GrainFactory.GetGrain<ICircleGrain>(other);
        if (!letIn)
            return await next.Back(this.GetPrimaryKeyString());
        using var section = RequestContext.AllowCallChainReentrancy();
        return await next.Back(this.GetPrimaryKeyString());
    }

    public Task<string> Back(string caller) => GrainFactory.GetGrain<ICircleGrain>(caller).Home();

    public Task<string> Home() => Task.FromResult("home");
}

public sealed class ConcurrencyTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_reentrant_grain_starts_a_call_while_another_awaits()
    {
        var grain = cluster.Grains.GetGrain<IReentrantTestGrain>(_key);
        var calls = new[] { grain.Wait("a" + _key), grain.Wait("b" + _key) };
        await Gates.Reached("a" + _key);
        await Gates.Reached("b" + _key);
        Gates.Open("a" + _key);
        Gates.Open("b" + _key);
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task A_stateless_worker_takes_as_many_calls_at_once_as_it_may_have_activations()
    {
        var grain = cluster.Grains.GetGrain<IWorkerTestGrain>(_key);
        var first = grain.Wait("a" + _key);
        await Gates.Reached("a" + _key);
        var second = grain.Wait("b" + _key);
        await Gates.Reached("b" + _key);
        var third = grain.Wait("c" + _key);
        Assert.False(Gates.IsReached("c" + _key));
        Gates.Open("a" + _key);
        Gates.Open("b" + _key);
        await Task.WhenAll(first, second);
        await Gates.Reached("c" + _key);
        Gates.Open("c" + _key);
        await third;
    }

    [Fact]
    public async Task A_predicate_says_which_calls_interleave()
    {
        var grain = cluster.Grains.GetGrain<IChoosyTestGrain>(_key);
        var waiting = grain.Wait("wait" + _key);
        await Gates.Reached("wait" + _key);
        await grain.Quick("quick" + _key);
        var next = grain.Wait("next" + _key);
        await grain.Quick("again" + _key);
        Assert.False(Gates.IsReached("next" + _key));
        Gates.Open("wait" + _key);
        Gates.Open("next" + _key);
        await Task.WhenAll(waiting, next);
    }

    [Fact]
    public async Task A_call_that_comes_back_along_its_own_chain_is_let_in_where_the_grain_allows_it() =>
        Assert.Equal("home", await cluster.Grains.GetGrain<ICircleGrain>(_key).Around("other" + _key, letIn: true));

    [Fact]
    public async Task A_call_that_comes_back_where_it_is_not_allowed_waits_for_itself_until_its_time_is_up()
    {
        var impatient = await Cluster.Start(silo => silo.Configure<global::Orleans.Configuration.SiloMessagingOptions>(o => o.ResponseTimeout = TimeSpan.FromSeconds(3)));
        await Assert.ThrowsAsync<TimeoutException>(() => impatient.Grains.GetGrain<ICircleGrain>(_key).Around("other" + _key, letIn: false));
        await impatient.DisposeAsync();
    }
}
