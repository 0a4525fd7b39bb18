namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>The running fetches and saves: cancels all of them at once, and waits for the last one to end.</summary>
internal sealed class RunningTransfers : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<Task> _running = [];

    /// <summary>Cancelled by <see cref="StopAsync"/>.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Runs one on the thread pool.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        var task = Task.Run(work, cancellationToken);
        lock (_running)
        {
            _running.Add(task);
        }

        try
        {
            return await task;
        }
        finally
        {
            lock (_running)
            {
                _running.Remove(task);
            }
        }
    }

    /// <summary>May be repeated.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        Task[] left;
        lock (_running)
        {
            left = [.. _running];
        }

        // Their callers handle their results.
        await Task.WhenAll(left).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public void Dispose() => _stopping.Dispose();
}
