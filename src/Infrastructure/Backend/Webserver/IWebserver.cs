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

/// <summary>What the webserver is told of this host.</summary>
/// <param name="InstanceId">EC2's id.</param>
/// <param name="InstanceType">For example <c>g4dn.xlarge</c>.</param>
/// <param name="TotalRamKb">A figure that cannot be read is null and sent as 0: the field must hold a number.</param>
/// <param name="FreeRamKb">As above.</param>
/// <param name="AvailableRamKb">As above.</param>
public sealed record WebserverFacts(string InstanceId, string InstanceType, long? TotalRamKb, long? FreeRamKb, long? AvailableRamKb);
