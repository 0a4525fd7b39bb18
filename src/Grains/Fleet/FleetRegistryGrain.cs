using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>Keeps the fleet's hosts in storage.</summary>
public sealed class FleetRegistryGrain([PersistentState("hosts", FleetStorage.Name)] IPersistentState<KeptHosts> stored)
    : Grain, IFleetRegistryGrain
{
    /// <summary>Whether a change failed: the storage may have made it.</summary>
    private bool _isStale;

    public async Task<KeptHosts> Read()
    {
        await ReadAgainAsync();
        return stored.State;
    }

    public async Task Write(KeptHosts hosts)
    {
        await ReadAgainAsync();
        stored.State = hosts;
        _isStale = true;
        await stored.WriteStateAsync();
        _isStale = false;
    }

    private async Task ReadAgainAsync()
    {
        if (_isStale)
        {
            await stored.ReadStateAsync();
            _isStale = false;
        }
    }
}
