using System.Collections.Concurrent;

namespace HostService.Tests.Cluster.Orleans;

/// <summary>Where tests and grains meet: a grain reaches a gate and waits there until the test opens it.</summary>
public sealed class Gates
{
    private readonly ConcurrentDictionary<string, Gate> _gates = new();

    /// <summary>Completes once a grain is at this gate.</summary>
    public Task ReachedAsync(string name) => this[name].Reached.Task.WaitAsync(TimeSpan.FromSeconds(20));

    public bool IsReached(string name) => this[name].Reached.Task.IsCompleted;

    public void Open(string name) => this[name].Opened.TrySetResult();

    /// <summary>The grain's side: says that it is here, and waits.</summary>
    public Task PassAsync(string name)
    {
        Reach(name);
        return this[name].Opened.Task;
    }

    public void Reach(string name) => this[name].Reached.TrySetResult();

    private Gate this[string name] => _gates.GetOrAdd(name, _ => new Gate());

    private sealed class Gate
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
