using HostService.GrainInterfaces;

namespace HostService.Grains;

/// <summary>Is told of every transition of every mandelbox, in order, on the host grain's turn: it must return at once.</summary>
public interface IMandelboxWatcher
{
    void Moved(MandelboxDescription mandelbox);
}
