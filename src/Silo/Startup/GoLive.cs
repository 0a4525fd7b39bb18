using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Rows;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Shutdown;

namespace HostService.Silo.Startup;

/// <summary>
/// What lies between "the silo takes calls" and "the HTTPS server listens": the row in the database, and everything that runs beside the grains. A hosted service,
/// so that the server, which comes after it, opens only onto a host that is ready.
/// </summary>
public sealed class GoLive(RunningEnvironment running, StartedParts started, Registration registration, BackgroundParts background) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        started.Silo = true;
        var registered = false;
        if (running.Value.HasDatabase)
        {
            registered = await registration.RegisterAsync(cancellationToken) == RegistrationOutcome.Registered;

            // Not wanted any more is not refused: that row, too, goes at the end.
            started.Registered = true;
            started.Active = registered;
        }

        await background.StartAsync(registered, started.Lacking);
    }

    /// <summary>Nothing: the one way out has done it all by the time the silo is stopped.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
