namespace HostService.Grains;

/// <summary>The one way out of the service, as far as a grain may touch it.</summary>
public interface IServiceEnd
{
    /// <summary>Begins draining and shutting down, once, however often it is called; returns at once.</summary>
    void Request(string reason);
}
