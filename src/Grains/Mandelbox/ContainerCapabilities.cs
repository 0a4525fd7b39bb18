namespace HostService.Grains.Mandelbox;

/// <summary>What this machine gives to containers, found at start-up. What is missing fails a deployed environment only.</summary>
public sealed record ContainerCapabilities
{
    /// <summary>The name of the AppArmor profile; null where the kernel has no AppArmor.</summary>
    public string? AppArmorProfile { get; init; }

    /// <summary>Whether the engine can apply a seccomp profile.</summary>
    public bool Seccomp { get; init; }

    /// <summary>Whether <c>/dev/fuse</c> exists.</summary>
    public bool Fuse { get; init; }

    /// <summary>Whether <c>/run/udev/data</c> exists; otherwise dockerd would create an empty directory there.</summary>
    public bool UdevData { get; init; }

    /// <summary>Whether mounts below the host's root propagate into containers; otherwise dockerd refuses <c>rshared</c>.</summary>
    public bool SharedMounts { get; init; }

    /// <summary>Names of the engine's container runtimes.</summary>
    public IReadOnlyList<string> Runtimes { get; init; } = [];

    /// <summary>The directory of users' drives; null where drives are not mounted.</summary>
    public string? CloudStorageRoot { get; init; }
}

/// <summary>Holds <see cref="ContainerCapabilities"/> once start-up has found them.</summary>
public sealed class ContainerCapabilitiesSource
{
    public ContainerCapabilities Current { get; set; } = new();
}
