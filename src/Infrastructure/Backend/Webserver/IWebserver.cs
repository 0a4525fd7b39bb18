namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Heartbeats to the webserver's HTTP API (B28). Off unless configured.</summary>
public interface IWebserver
{
    /// <summary>Since the last heartbeat that the webserver accepted, or since the start; null while none are sent.</summary>
    TimeSpan? SinceAccepted { get; }

    /// <summary>Authenticates, then sends a heartbeat at once and every 55 to 65 s until cancelled. Logs failures; never throws.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Sends the last heartbeat: this host is dying. Sent once, whatever the cause, and even where no authentication has succeeded yet (it
    /// is tried once more); no heartbeat follows it. Failures are logged, never thrown.
    /// </summary>
    Task SendDyingHeartbeatAsync(CancellationToken cancellationToken);
}

/// <summary>What a heartbeat tells the webserver of this host.</summary>
public sealed record WebserverFacts(HostIdentity Identity, MachineFigures Figures);
