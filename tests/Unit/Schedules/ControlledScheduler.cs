namespace HostService.Tests.Unit.Schedules;

/// <summary>Runs tasks one at a time, on the thread of its driver, in an order that a seed decides.</summary>
internal sealed class ControlledScheduler(Random random) : TaskScheduler
{
    private readonly List<Task> _ready = [];
    private readonly Lock _gate = new();

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Starts work here; its continuations come back here.</summary>
    public Task Start(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, this).Unwrap();

    /// <summary>Runs one task that is ready; false when there is none.</summary>
    /// <param name="patience">How long to wait for one: the callbacks of a cancellation run on the thread pool.</param>
    public bool RunOne(TimeSpan patience) => TryRunOne() || (SpinWait.SpinUntil(() => Count > 0, patience) && TryRunOne());

    protected override void QueueTask(Task task)
    {
        lock (_gate)
        {
            _ready.Add(task);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_gate)
        {
            return [.. _ready];
        }
    }

    private int Count
    {
        get
        {
            lock (_gate)
            {
                return _ready.Count;
            }
        }
    }

    private bool TryRunOne()
    {
        Task next;
        lock (_gate)
        {
            if (_ready.Count == 0)
            {
                return false;
            }

            var index = random.Next(_ready.Count);
            next = _ready[index];
            _ready.RemoveAt(index);
        }

        // The test's own context would take the continuations.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return TryExecuteTask(next);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
