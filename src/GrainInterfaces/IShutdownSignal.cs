namespace HostService.GrainInterfaces;

/// <summary>Asks for the end of the service.</summary>
public interface IShutdownSignal
{
    /// <summary>Begins draining and shutting down, once, however often it is called; returns at once.</summary>
    void Request(string reason);
}
