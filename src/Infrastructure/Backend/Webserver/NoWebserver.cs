namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>No webserver is configured.</summary>
internal sealed class NoWebserver : IWebserver
{
    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task SendDyingHeartbeatAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
