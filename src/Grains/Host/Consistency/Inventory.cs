namespace HostService.Grains.Host.Consistency;

/// <summary>Everything of mandelboxes that is on this host, and after that the mandelboxes as their own grains describe them.</summary>
public sealed record Inventory
{
    /// <summary>What names its owner: leases, directories, drives, records, sockets, entries of the host's list.</summary>
    public required IReadOnlyList<Thing> Things { get; init; }

    public required IReadOnlyList<Lease> Leases { get; init; }

    /// <summary>Our containers, and those of others that use what is ours; null where the engine did not answer.</summary>
    public required IReadOnlyList<ContainerThing>? Containers { get; init; }

    /// <summary>The network sandboxes that the host knows.</summary>
    public IReadOnlyList<NetworkSandbox> Sandboxes { get; init; } = [];

    /// <summary>The containers of this host's network sandboxes, and whether each runs; null where the engine did not answer.</summary>
    public IReadOnlyDictionary<string, bool>? SandboxContainers { get; init; }

    /// <summary>The containers whose processes were seen, and are dead.</summary>
    public required IReadOnlySet<string> EndedProcesses { get; init; }

    /// <summary>The mandelboxes whose rows say that a user can connect, or could; null where that is not known.</summary>
    public required IReadOnlyCollection<string>? Rows { get; init; }

    /// <summary>By id.</summary>
    public required IReadOnlyDictionary<string, MandelboxDescription> Mandelboxes { get; init; }
}

/// <summary>Something that belongs to a mandelbox.</summary>
public readonly record struct Thing(DifferenceKind Kind, string MandelboxId, string Name);

/// <param name="Id">Docker's.</param>
/// <param name="MandelboxId">By its labels, the mandelbox that names it, or the directories that it has bound.</param>
/// <param name="Run">Whose it is.</param>
/// <param name="Lease">By its labels; null where they have none.</param>
public sealed record ContainerThing(string Id, string MandelboxId, ContainerRun Run, bool Running, Lease? Lease);

public enum ContainerRun
{
    /// <summary>This run of the service made it.</summary>
    This,

    /// <summary>An earlier run of this host did.</summary>
    Earlier,

    /// <summary>Somebody else did, as a rule the ECS agent: a mandelbox has it, or it has a mandelbox's directories bound.</summary>
    Agent,
}
