using Orleans.Concurrency;

namespace HostService.Tests.Cluster.Orleans;

/// <summary>
/// What the grains rely on of Orleans' scheduling: HostGrain is never in two calls at once, and every method of MandelboxGrain interleaves
/// without locks.
/// </summary>
public sealed class TurnTests(PlainCluster cluster) : IClassFixture<PlainCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private ITurnGrain Grain => cluster.Grains.GetGrain<ITurnGrain>(_key);

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_call_begins_only_once_the_call_before_it_has_ended()
    {
        var first = Grain.Wait("first" + _key);
        await Gates.ReachedAsync("first" + _key);
        var second = Grain.Wait("second" + _key);

        // The grain is reachable, and still does not begin the second call.
        await Grain.Interleave();
        Assert.False(Gates.IsReached("second" + _key));

        Gates.Open("first" + _key);
        await first;
        await Gates.ReachedAsync("second" + _key);
        Gates.Open("second" + _key);
        await second;
    }

    [Fact]
    public async Task An_interleaving_call_is_answered_while_another_awaits()
    {
        var waiting = Grain.Wait("wait" + _key);
        await Gates.ReachedAsync("wait" + _key);

        await Grain.Interleave();

        Assert.False(waiting.IsCompleted);
        Gates.Open("wait" + _key);
        await waiting;
    }

    [Fact]
    public async Task Read_only_calls_run_side_by_side_but_not_beside_others()
    {
        var readers = new[] { Grain.Read("one" + _key), Grain.Read("two" + _key) };
        await Gates.ReachedAsync("one" + _key);
        await Gates.ReachedAsync("two" + _key);
        var writer = Grain.Wait("writer" + _key);

        await Grain.Interleave();
        Assert.False(Gates.IsReached("writer" + _key));

        Gates.Open("one" + _key);
        Gates.Open("two" + _key);
        await Task.WhenAll(readers);
        await Gates.ReachedAsync("writer" + _key);
        Gates.Open("writer" + _key);
        await writer;
    }

    [Fact]
    public async Task Code_after_an_await_is_back_on_the_grains_scheduler() => Assert.True(await Grain.StaysOnItsSchedulerAfterAwait());

    [Fact]
    public async Task Tasks_that_a_grain_starts_itself_run_one_at_a_time() => Assert.Equal(1, await Grain.CountConcurrently(50));
}

public interface ITurnGrain : IGrainWithStringKey
{
    Task Wait(string gate);

    [AlwaysInterleave]
    Task Interleave();

    [ReadOnly]
    Task Read(string gate);

    Task<bool> StaysOnItsSchedulerAfterAwait();

    Task<int> CountConcurrently(int tasks);
}

public sealed class TurnGrain(Gates gates) : Grain, ITurnGrain
{
    private int _running;

    public Task Wait(string gate) => gates.PassAsync(gate);

    public Task Interleave() => Task.CompletedTask;

    public Task Read(string gate) => gates.PassAsync(gate);

    public async Task<bool> StaysOnItsSchedulerAfterAwait()
    {
        var before = TaskScheduler.Current;
        await Task.Yield();
        await Task.Run(() => { });
        return before == TaskScheduler.Current && before != TaskScheduler.Default;
    }

    public async Task<int> CountConcurrently(int tasks)
    {
        var most = 0;
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(async _ =>
        {
            await Task.Yield();
            most = Math.Max(most, Interlocked.Increment(ref _running));
            Thread.SpinWait(1000);
            Interlocked.Decrement(ref _running);
        }));
        return most;
    }
}
