namespace HostService.Grains;

/// <summary>Receives every report of every mandelbox, in order, on the host grain's turn: it must return at once.</summary>
public interface IMandelboxWatcher
{
    void Moved(MandelboxDescription mandelbox);
}
