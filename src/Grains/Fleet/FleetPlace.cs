namespace HostService.Grains.Fleet;

/// <summary>Where a mandelbox is, as it is kept.</summary>
[GenerateSerializer]
public sealed record FleetPlace
{
    /// <summary>The host's instance name; empty in the place that no storage holds.</summary>
    [Id(0)] public string Host { get; init; } = "";

    /// <summary>The address that clients connect to.</summary>
    [Id(1)] public string Address { get; init; } = "";

    /// <summary>When it was placed there, by the clock of the fleet.</summary>
    [Id(2)] public DateTimeOffset Since { get; init; }
}
