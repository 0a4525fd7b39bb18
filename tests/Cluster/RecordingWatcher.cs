using HostService.GrainInterfaces;
using HostService.Grains;

namespace HostService.Tests.Cluster;

/// <summary>Lets a test wait for a transition.</summary>
public sealed class RecordingWatcher : IMandelboxWatcher
{
    private readonly Lock _gate = new();
    private readonly List<MandelboxDescription> _seen = [];
    private readonly List<(Func<MandelboxDescription, bool> Holds, TaskCompletionSource Signal)> _waiting = [];

    public IReadOnlyList<MandelboxDescription> Seen
    {
        get
        {
            lock (_gate)
            {
                return [.. _seen];
            }
        }
    }

    /// <summary>The states that a mandelbox went through.</summary>
    public IReadOnlyList<MandelboxState> StatesOf(string id) => [.. Seen.Where(m => m.MandelboxId == id).Select(m => m.State)];

    /// <summary>Returns once the mandelbox has reached this state; throws after a minute.</summary>
    public Task Until(string id, MandelboxState state)
    {
        lock (_gate)
        {
            bool Holds(MandelboxDescription m) => m.MandelboxId == id && m.State == state;
            if (_seen.Exists(Holds))
            {
                return Task.CompletedTask;
            }

            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((Holds, signal));
            return signal.Task.WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    public void Moved(MandelboxDescription mandelbox)
    {
        lock (_gate)
        {
            _seen.Add(mandelbox);
            foreach (var (_, signal) in _waiting.Where(w => w.Holds(mandelbox)))
            {
                signal.TrySetResult();
            }
        }
    }
}
