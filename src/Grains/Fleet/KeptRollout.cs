using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>A rollout as it is kept.</summary>
[GenerateSerializer, Immutable]
public sealed record KeptRollout
{
    /// <summary>Null in what no storage holds.</summary>
    [Id(0)] public RolloutRequest? Request { get; init; }

    [Id(1)] public RolloutState State { get; init; }

    /// <summary>Why it has halted.</summary>
    [Id(2)] public string? Why { get; init; }

    [Id(3)] public DateTimeOffset StartedAt { get; init; }

    /// <summary>
    /// All hosts that the fleet has known since the start: after a restart the fleet itself knows none until they report.
    /// </summary>
    [Id(4)] public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>In the order in which they were begun.</summary>
    [Id(5)] public IReadOnlyList<HostInUpgrade> Upgrading { get; init; } = [];
}

/// <summary>A host that is being upgraded, or whose upgrade failed.</summary>
/// <param name="Fault">Why it failed; null while it is in progress.</param>
[GenerateSerializer, Immutable]
public sealed record HostInUpgrade(
    [property: Id(0)] string Host,
    [property: Id(1)] string Attempt,
    [property: Id(2)] DateTimeOffset Since,
    [property: Id(3)] string? Fault = null);
