namespace HostService.Grains.Host;

/// <summary>Tasks that later events must not wait for (B9), at most one of each name at a time. Safe from any thread.</summary>
internal sealed class BackgroundTaskSet : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Begins a task unless one of this name runs or <see cref="StopAsync"/> has completed. It handles its own failures.</summary>
    public void Begin(string name, Func<CancellationToken, Task> work)
    {
        lock (_gate)
        {
            if (!_stopping.IsCancellationRequested && !_running.ContainsKey(name))
            {
                _running.Add(name, RunAsync(name, work));
            }
        }
    }

    public Task WhenIdleAsync()
    {
        lock (_gate)
        {
            return Task.WhenAll(_running.Values);
        }
    }

    /// <summary>Waits for the running tasks until the token is cancelled, then cancels the rest. No task begins afterwards.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WhenIdleAsync().WaitAsync(cancellationToken);
        }
        finally
        {
            await _stopping.CancelAsync();
        }
    }

    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync(string name, Func<CancellationToken, Task> work)
    {
        await Task.Yield();
        try
        {
            await work(_stopping.Token);
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(name);
            }
        }
    }
}
