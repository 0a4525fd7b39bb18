using HostService.Infrastructure.Backend.Webserver;

namespace HostService.Silo.Background;

/// <summary>Runs the webserver's heartbeat (B28) beside the grains.</summary>
public sealed class WebserverHeartbeat(IWebserver webserver) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => webserver.RunAsync(stoppingToken);
}
