namespace HostService.GrainInterfaces.Fleet;

/// <summary>
/// Keeps in storage which hosts the fleet has. Apart from <see cref="IFleetGrain"/>, which goes on while the storage is away. Key:
/// <see cref="FleetKeys.Fleet"/>.
/// </summary>
public interface IFleetRegistryGrain : IGrainWithStringKey
{
    Task<KeptHosts> Read();

    Task Write(KeptHosts hosts);
}

/// <summary>The hosts of a fleet, as they are kept.</summary>
[GenerateSerializer, Immutable]
public sealed record KeptHosts
{
    [Id(0)] public IReadOnlyList<KeptHost> Hosts { get; init; } = [];

    /// <summary>The names of those that an operator has removed, the last ones last: what they had is nowhere any more.</summary>
    [Id(1)] public IReadOnlyList<string> Forgotten { get; init; } = [];
}

/// <summary>A host of the fleet.</summary>
/// <param name="Address">The address that clients connect to.</param>
/// <param name="ReportedAt">Its last report that was kept, by the clock of the fleet; some half minute old.</param>
[GenerateSerializer, Immutable]
public sealed record KeptHost(
    [property: Id(0)] string Host, [property: Id(1)] string Address, [property: Id(2)] DateTimeOffset ReportedAt);
