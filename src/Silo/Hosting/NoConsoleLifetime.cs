namespace HostService.Silo.Hosting;

/// <summary>Replaces the generic host's own handling of signals, because <see cref="Lifecycle.ShutdownSignal"/> handles them.</summary>
internal sealed class NoConsoleLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
