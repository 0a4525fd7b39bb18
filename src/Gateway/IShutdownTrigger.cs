namespace HostService.Gateway;

/// <summary>The one way out of the service (B30), as far as the gateway may touch it.</summary>
public interface IShutdownTrigger
{
    /// <summary>Begins draining and shutting down, once, however often it is called; returns at once.</summary>
    void Request(string reason);
}
