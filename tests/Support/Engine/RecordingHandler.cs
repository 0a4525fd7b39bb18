using HostService.Infrastructure.Docker;

namespace HostService.Tests.Support;

/// <summary>Remembers what it was told about containers, and fails where a test wants it to.</summary>
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

    /// <summary>Done at every connection; what it throws is kept.</summary>
    public Action? OnConnected { get; set; }

    public Exception? Failure { get; private set; }

    /// <summary>The next comparison fails with it.</summary>
    public Exception? FailConnected { get; set; }

    /// <summary>An event of this container fails.</summary>
    public string? FailOn { get; set; }

    public Task ReconcileAsync(CancellationToken cancellationToken)
    {
        try
        {
            OnConnected?.Invoke();
        }
        catch (Exception e)
        {
            // The stream goes on in spite of it; the test looks here.
            Failure = e;
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

    /// <summary>Ends once this holds; looked at after everything that is told.</summary>
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
