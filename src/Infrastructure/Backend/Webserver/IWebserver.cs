using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>The webserver's own HTTP side (B28). Off unless configured.</summary>
public interface IWebserver
{
    /// <summary>Handshake, then a heartbeat at once and every 55 to 65 s until cancelled. Failures are reported, never thrown.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The last heartbeat: this host is dying. Sent once, whatever the cause of death and whether or not a handshake ever worked (it is tried once more);
    /// no heartbeat follows it. Failures are reported, never thrown.
    /// </summary>
    Task SayGoodbyeAsync(CancellationToken cancellationToken);
}

/// <summary>What a heartbeat tells the webserver of this host.</summary>
public sealed record WebserverFacts(HostIdentity Identity, MachineFigures Figures);
