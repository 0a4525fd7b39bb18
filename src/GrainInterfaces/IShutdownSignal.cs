namespace HostService.GrainInterfaces;

/// <summary>Requests the shutdown of the service.</summary>
public interface IShutdownSignal
{
    /// <summary>Begins the shutdown, once, however often it is called; returns at once.</summary>
    void Request(string reason);
}
