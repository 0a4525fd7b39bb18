namespace HostService.Machine.Webserver;

/// <summary>The webserver's own HTTP side (B28). Off unless configured.</summary>
public interface IWebserver
{
    /// <summary>Handshake, then a heartbeat at once and every 55 to 65 s until cancelled. Failures are reported, never thrown.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>The last heartbeat: this host is dying.</summary>
    Task SayGoodbyeAsync(CancellationToken cancellationToken);
}
