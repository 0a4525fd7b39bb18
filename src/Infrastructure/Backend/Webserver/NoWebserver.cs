namespace HostService.Infrastructure.Backend.Webserver;

internal sealed class NoWebserver : IWebserver
{
    public TimeSpan? SinceAccepted => null;

    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task SendDyingHeartbeatAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
