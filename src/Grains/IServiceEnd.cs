namespace HostService.Grains;

/// <summary>Requests the shutdown of the service.</summary>
public interface IServiceEnd
{
    /// <summary>Begins the shutdown, once, however often it is called; returns at once.</summary>
    void Request(string reason);
}
