namespace HostService.Silo.Hosting;

/// <summary>In place of the generic host's own answer to signals: <see cref="Lifecycle.ShutdownSignal"/> is the only one.</summary>
internal sealed class NoConsoleLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
