using System.Runtime.CompilerServices;
using Orleans.Concurrency;

namespace HostService.Tests.Packages.Orleans;

public interface ICancellableGrain : IGrainWithStringKey
{
    Task<string> WaitForCancellation(string gate, CancellationToken cancellationToken);

    Task Wait(string gate);

    Task<bool> CanBeCancelled(CancellationToken cancellationToken);

    IAsyncEnumerable<int> Count(int to, CancellationToken cancellationToken);

    IAsyncEnumerable<int> CountAndFail(int to);

    IAsyncEnumerable<int> CountForEver(string gate, CancellationToken cancellationToken);

    IAsyncEnumerable<int> OneThenWait(string gate);

    [AlwaysInterleave]
    Task Ping();
}

public sealed class CancellableGrain(Gates gates) : Grain, ICancellableGrain
{
    public async Task<string> WaitForCancellation(string gate, CancellationToken cancellationToken)
    {
        var here = TaskScheduler.Current;
        var cancelled = new TaskCompletionSource<string>();
        await using var registration = cancellationToken.Register(() => cancelled.TrySetResult(TaskScheduler.Current == here ? "told on the grain" : "told elsewhere"));
        gates.Reach(gate);
        var how = await cancelled.Task;
        gates.Reach(how + gate);
        return how;
    }

    public Task Wait(string gate) => gates.Pass(gate);

    public Task<bool> CanBeCancelled(CancellationToken cancellationToken) => Task.FromResult(cancellationToken.CanBeCanceled);

    public async IAsyncEnumerable<int> Count(int to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 1; i <= to; i++)
        {
            if (i % 3 == 0)
                await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            yield return i;
        }
    }

    public async IAsyncEnumerable<int> CountAndFail(int to)
    {
        for (var i = 1; i <= to; i++)
            yield return i;
        await Task.Yield();
        throw new InvalidOperationException("no more");
    }

    public async IAsyncEnumerable<int> CountForEver(string gate, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            for (var i = 1; ; i++)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                yield return i;
            }
        }
        finally
        {
            gates.Reach(gate);
        }
    }

    public async IAsyncEnumerable<int> OneThenWait(string gate)
    {
        yield return 1;
        await gates.Pass(gate);
        yield return 2;
    }

    public Task Ping() => Task.CompletedTask;
}

public sealed class CancellationTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    private ICancellableGrain Grain => cluster.Grains.GetGrain<ICancellableGrain>(_key);

    private Gates Gates => cluster.Gates;

    [Fact]
    public async Task A_callers_token_cancels_the_call_and_is_seen_in_the_grain()
    {
        using var cancellation = new CancellationTokenSource();
        var call = Grain.WaitForCancellation("gate" + _key, cancellation.Token);
        await Gates.Reached("gate" + _key);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Gates.Reached("told on the grain" + "gate" + _key);
    }

    [Fact]
    public async Task A_call_that_waits_its_turn_can_be_cancelled_too()
    {
        using var cancellation = new CancellationTokenSource();
        var first = Grain.Wait("first" + _key);
        await Gates.Reached("first" + _key);
        var second = Grain.WaitForCancellation("second" + _key, cancellation.Token);
        await cancellation.CancelAsync();

        // Its caller is told at once, while the grain is still busy. Whether the turn then comes with a cancelled token or not at all, the package leaves open.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.False(first.IsCompleted);
        Gates.Open("first" + _key);
        await first;
    }

    [Fact]
    public async Task A_token_that_was_cancelled_before_the_call_makes_no_call()
    {
        var exception = await Record.ExceptionAsync(async () => await Grain.WaitForCancellation("never" + _key, new CancellationToken(canceled: true)));
        Assert.IsAssignableFrom<OperationCanceledException>(exception);
        await Grain.Ping();
        Assert.False(Gates.IsReached("never" + _key));
    }

    [Fact]
    public async Task A_call_without_a_token_is_an_ordinary_call()
    {
        using var cancellation = new CancellationTokenSource();
        Assert.True(await Grain.CanBeCancelled(cancellation.Token));
        await Grain.CanBeCancelled(CancellationToken.None);
    }

    [Fact]
    public async Task A_stream_brings_all_its_elements_in_order()
    {
        var numbers = new List<int>();
        await foreach (var number in Grain.Count(250, default))
            numbers.Add(number);
        Assert.Equal(Enumerable.Range(1, 250), numbers);
    }

    [Fact]
    public async Task An_empty_stream_ends_at_once()
    {
        await foreach (var number in Grain.Count(0, default))
            Assert.Fail($"{number} came");
    }

    [Fact]
    public async Task A_stream_that_fails_brings_what_came_before_and_then_its_failure()
    {
        var numbers = new List<int>();
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (var number in Grain.CountAndFail(5))
                numbers.Add(number);
        });
        Assert.Equal("no more", exception.Message);
        Assert.Equal([1, 2, 3, 4, 5], numbers);
    }

    [Fact]
    public async Task Whoever_leaves_a_stream_early_ends_it_in_the_grain()
    {
        await foreach (var number in Grain.CountForEver("left" + _key, default))
        {
            if (number == 10)
                break;
        }

        await Gates.Reached("left" + _key);
    }

    [Fact]
    public async Task A_token_ends_a_stream()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var number in Grain.CountForEver("cancelled" + _key, cancellation.Token))
            {
                if (number == 3)
                    await cancellation.CancelAsync();
            }
        });
        await Gates.Reached("cancelled" + _key);
    }

    [Fact]
    public async Task Elements_come_as_soon_as_they_are_there_and_other_calls_run_meanwhile()
    {
        await using var elements = Grain.OneThenWait("gate" + _key).GetAsyncEnumerator();
        Assert.True(await elements.MoveNextAsync());
        Assert.Equal(1, elements.Current);
        var next = elements.MoveNextAsync().AsTask();
        await Gates.Reached("gate" + _key);
        await Grain.CanBeCancelled(default).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(next.IsCompleted);
        Gates.Open("gate" + _key);
        Assert.True(await next);
        Assert.Equal(2, elements.Current);
        Assert.False(await elements.MoveNextAsync());
    }
}
