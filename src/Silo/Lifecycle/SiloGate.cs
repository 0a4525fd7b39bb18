namespace HostService.Silo.Lifecycle;

/// <summary>
/// Splits the start of the web application into two steps. The application starts its hosted services in the order of registration; this
/// one is registered between the silo and the HTTPS server, and completes only when the server is to start.
/// </summary>
public sealed class SiloGate : IHostedService, IDisposable
{
    /// <summary>A silo starts in well under a second.</summary>
    private static readonly TimeSpan SiloStartTimeout = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _siloRuns = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _cancel = new();
    private Task _start = Task.CompletedTask;

    /// <summary>
    /// Starts the application and returns when the silo runs. When cancelled, it waits for that, too, as long as it does not hang: a silo
    /// whose start is cancelled reports errors and cannot be stopped.
    /// </summary>
    public async Task StartSiloAsync(IHost application, CancellationToken cancellationToken)
    {
        await using var cancellation = cancellationToken.Register(() => _cancel.CancelAfter(SiloStartTimeout));
        _start = application.StartAsync(_cancel.Token);
        await await Task.WhenAny(_start, _siloRuns.Task);
    }

    /// <summary>Lets the application go on, and returns when the server listens.</summary>
    public async Task StartServerAsync(CancellationToken cancellationToken)
    {
        await using var cancellation = cancellationToken.Register(_cancel.Cancel);
        _open.TrySetResult();
        await _start;
    }

    /// <summary>
    /// Stops the application, also one whose start has not finished. Orleans refuses to stop a silo that does not run; it is disposed of
    /// with the application.
    /// </summary>
    public async Task StopAsync(IHost application, CancellationToken cancellationToken)
    {
        await _cancel.CancelAsync();
        await _start.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_siloRuns.Task.IsCompleted)
        {
            await application.StopAsync(cancellationToken);
        }
    }

    public void Dispose() => _cancel.Dispose();

    Task IHostedService.StartAsync(CancellationToken cancellationToken)
    {
        _siloRuns.TrySetResult();
        return _open.Task.WaitAsync(cancellationToken);
    }

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
