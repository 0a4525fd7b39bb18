using HostService.Infrastructure.Docker;

namespace HostService.Tests.Support;

/// <summary>Records the events that it handles; a test can make it fail.</summary>
public sealed class RecordingHandler : IContainerEventHandler
{
    private readonly Lock _gate = new();
    private readonly List<ContainerEvent> _told = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _connections;

    public int Connections => Volatile.Read(ref _connections);

    public IReadOnlyList<ContainerEvent> Told
    {
        get
        {
            lock (_gate)
            {
                return _told.ToArray();
            }
        }
    }

    /// <summary>Runs at every <see cref="ReconcileAsync"/>; what it throws is kept in <see cref="Failure"/>.</summary>
    public Action? OnConnected { get; set; }

    public Exception? Failure { get; private set; }

    /// <summary>When set, the next <see cref="ReconcileAsync"/> fails with it.</summary>
    public Exception? FailConnected { get; set; }

    /// <summary>Events of this container fail.</summary>
    public string? FailOn { get; set; }

    public Task ReconcileAsync(CancellationToken cancellationToken)
    {
        try
        {
            OnConnected?.Invoke();
        }
        catch (Exception exception)
        {
            // The stream ignores it; the test looks at Failure.
            Failure = exception;
        }

        Interlocked.Increment(ref _connections);
        Changed();
        var failure = FailConnected;
        FailConnected = null;
        return failure is null ? Task.CompletedTask : Task.FromException(failure);
    }

    public Task OnEventAsync(ContainerEvent happened, CancellationToken cancellationToken)
    {
        if (happened.ContainerId == FailOn)
        {
            throw new InvalidOperationException("The test wants this event to fail.");
        }

        lock (_gate)
        {
            _told.Add(happened);
        }

        Changed();
        return Task.CompletedTask;
    }

    /// <summary>Completes once this holds; it is checked after every call.</summary>
    public async Task Until(Func<RecordingHandler, bool> holds)
    {
        while (true)
        {
            Task next;
            lock (_gate)
            {
                next = _changed.Task;
            }

            if (holds(this))
            {
                return;
            }

            await next.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    private void Changed()
    {
        lock (_gate)
        {
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
