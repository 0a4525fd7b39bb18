namespace HostService.Grains.Host;

/// <summary>
/// What an event begins and the next event must not wait for (B9): the engine may take minutes over one container while another mandelbox dies. Safe from any thread.
/// </summary>
internal sealed class BackgroundTaskSet : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _end = new();

    /// <summary>Begins it, unless work of this name runs already or <see cref="EndAsync"/> is over. It sees to its own failures.</summary>
    public void Begin(string name, Func<CancellationToken, Task> work)
    {
        lock (_gate)
        {
            if (!_end.IsCancellationRequested && !_running.ContainsKey(name))
            {
                _running.Add(name, Task.Run(() => RunAsync(name, work), CancellationToken.None));
            }
        }
    }

    /// <summary>Ends once all that was begun until now has.</summary>
    public Task WhenDoneAsync()
    {
        lock (_gate)
        {
            return Task.WhenAll(_running.Values);
        }
    }

    /// <summary>Waits for what runs; what is not done when the token is cancelled is told to end. Nothing begins afterwards.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WhenDoneAsync().WaitAsync(cancellationToken);
        }
        finally
        {
            await _end.CancelAsync();
        }
    }

    public void Dispose() => _end.Dispose();

    private async Task RunAsync(string name, Func<CancellationToken, Task> work)
    {
        try
        {
            await work(_end.Token);
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
