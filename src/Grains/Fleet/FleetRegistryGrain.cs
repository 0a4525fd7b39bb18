using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>Keeps the fleet's hosts in storage.</summary>
public sealed class FleetRegistryGrain([PersistentState("hosts", FleetStorage.Name)] IPersistentState<KeptHosts> stored)
    : Grain, IFleetRegistryGrain
{
    private readonly KeptState<KeptHosts> _kept = new(stored);

    public async Task<KeptHosts> Read()
    {
        await _kept.ReadAgainAsync();
        return _kept.Value;
    }

    public async Task Write(KeptHosts hosts)
    {
        await _kept.ReadAgainAsync();
        await _kept.WriteAsync(hosts);
    }
}
