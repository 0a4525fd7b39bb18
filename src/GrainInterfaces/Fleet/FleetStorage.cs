namespace HostService.GrainInterfaces.Fleet;

/// <summary>Where the grains of a fleet keep what must outlive them.</summary>
public static class FleetStorage
{
    /// <summary>The name of the grain storage.</summary>
    public const string Name = "fleet";
}
