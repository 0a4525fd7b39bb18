using Orleans.Concurrency;

namespace HostService.Tests.Packages.Orleans;

/// <summary>Turns, waits and answers of one grain, as the tests steer them.</summary>
public interface ITurnsGrain : IGrainWithStringKey
{
    Task<int> Add(int number);

    /// <summary>Says that it has begun, then waits for <see cref="Gates"/> to let it go on.</summary>
    Task Wait(string gate);

    [AlwaysInterleave]
    Task<string> Interleave();

    [ReadOnly]
    Task<string> Read(string gate);

    [OneWay]
    Task Tell(string gate);

    Task<bool> StaysOnItsSchedulerAfterAwait();

    Task<int> CountConcurrently(int turns);

    ValueTask<string> Key();

    ValueTask Nothing();

    void Fire(string gate);
}

public sealed class TurnsGrain(Gates gates) : Grain, ITurnsGrain
{
    private int _sum;
    private int _inside;

    public Task<int> Add(int number) => Task.FromResult(_sum += number);

    public Task Wait(string gate) => gates.Pass(gate);

    public Task<string> Interleave() => Task.FromResult("here");

    public async Task<string> Read(string gate)
    {
        await gates.Pass(gate);
        return gate;
    }

    public Task Tell(string gate)
    {
        gates.Reach(gate);
        throw new InvalidOperationException("Nobody hears this.");
    }

    public async Task<bool> StaysOnItsSchedulerAfterAwait()
    {
        var before = TaskScheduler.Current;
        await Task.Yield();
        await Task.Run(() => { });
        return before == TaskScheduler.Current && before != TaskScheduler.Default;
    }

    public async Task<int> CountConcurrently(int turns)
    {
        var most = 0;
        await Task.WhenAll(Enumerable.Range(0, turns).Select(async _ =>
        {
            await Task.Yield();
            most = Math.Max(most, ++_inside);
            for (var i = 0; i < 1000; i++)
                most = Math.Max(most, _inside);
            _inside--;
        }));
        return most;
    }

    public ValueTask<string> Key() => new(this.GetPrimaryKeyString());

    public ValueTask Nothing() => default;

    public void Fire(string gate) => gates.Reach(gate);
}

/// <summary>Where grains and tests meet: a grain says that it has reached a gate, and waits there until the test opens it.</summary>
public sealed class Gates
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (TaskCompletionSource Reached, TaskCompletionSource Open)> _gates = [];

    public Task Reached(string gate) => Find(gate).Reached.Task.WaitAsync(TimeSpan.FromSeconds(20));

    public bool IsReached(string gate) => Find(gate).Reached.Task.IsCompleted;

    public void Reach(string gate) => Find(gate).Reached.TrySetResult();

    public void Open(string gate) => Find(gate).Open.TrySetResult();

    public Task Pass(string gate)
    {
        Reach(gate);
        return Find(gate).Open.Task;
    }

    private (TaskCompletionSource Reached, TaskCompletionSource Open) Find(string gate)
    {
        lock (_lock)
        {
            if (!_gates.TryGetValue(gate, out var found))
            {
                found = (new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously));
                _gates[gate] = found;
            }

            return found;
        }
    }
}
