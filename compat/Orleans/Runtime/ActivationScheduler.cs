namespace Orleans.Runtime;

/// <summary>
/// An activation's own scheduler: one thing at a time, in order. Code after an <c>await</c> in a grain comes back here, because the tasks that ran
/// before it did.
/// </summary>
internal sealed class ActivationScheduler(Activation activation) : TaskScheduler, IThreadPoolWorkItem, IWorkItemScheduler
{
    /// <summary>How long one activation may hold a thread while others wait.</summary>
    private const long QuantumMilliseconds = 100;

    private static readonly Action<object?> s_run = static state =>
    {
        var request = (RequestBase)state!;
        request.Holder!.Execute(request);
    };

    private static readonly Action<object?> s_act = static state => ((Action)state!)();

    private readonly Lock _gate = new();
    private readonly Queue<object> _work = new();
    private bool _scheduled;

    public override int MaximumConcurrencyLevel => 1;

    public void Enqueue(RequestBase request) => Add(request);

    public void QueueAction(Action action) => Add(action);

    public void QueueAction(Action<object> action, object state) => Add(() => action(state));

    void IWorkItemScheduler.QueueTask(Task task) => task.Start(this);

    void IThreadPoolWorkItem.Execute()
    {
        var started = Environment.TickCount64;
        var outer = RuntimeContext.Current;
        RuntimeContext.Current = activation;
        try
        {
            while (true)
            {
                object? item;
                lock (_gate)
                {
                    if (!_work.TryDequeue(out item))
                    {
                        _scheduled = false;
                        return;
                    }
                }

                switch (item)
                {
                    // Tasks are made here, on a thread of the pool, so that nothing of the caller's execution context reaches the grain.
                    case RequestBase request:
                        new Task(s_run, request).RunSynchronously(this);
                        break;
                    case Task task:
                        TryExecuteTask(task);
                        break;
                    default:
                        new Task(s_act, item).RunSynchronously(this);
                        break;
                }

                if (Environment.TickCount64 - started < QuantumMilliseconds)
                    continue;
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
        finally
        {
            RuntimeContext.Current = outer;
        }
    }

    protected override void QueueTask(Task task) => Add(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && RuntimeContext.Current == activation && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_gate)
            return [.. _work.OfType<Task>()];
    }

    private void Add(object item)
    {
        lock (_gate)
        {
            _work.Enqueue(item);
            if (_scheduled)
                return;
            _scheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }
}
