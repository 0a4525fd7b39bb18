using HostService.GrainInterfaces;

namespace HostService.Grains;

/// <summary>What is known of this host before its first mandelbox: found at start-up, fixed from then on.</summary>
public sealed record HostInfo
{
    public required HostIdentity Identity { get; init; }
    public required HostEnvironment Environment { get; init; }

    /// <summary>Git commit and packages, as <c>host-service version</c> prints it.</summary>
    public string Version { get; init; } = "";
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>NVML indexes of the GPUs; empty on a host that has none.</summary>
    public IReadOnlyList<GpuDescription> Gpus { get; init; } = [];

    /// <summary>Mandelboxes on a GPU (B12).</summary>
    public int MandelboxesPerGpu { get; init; } = 2;

    /// <summary>Video memory that must be free before one more mandelbox is placed on a GPU; 0 to not look.</summary>
    public long MinimumFreeGpuMemoryKb { get; init; }

    /// <summary>Mandelboxes on a host without a GPU.</summary>
    public int CpuOnlySlots { get; init; } = 54;

    /// <summary>TCP ports that are the host's own: 4678 and what is configured.</summary>
    public IReadOnlyList<ushort> ReservedTcpPorts { get; init; } = [4678];

    /// <summary>UDP ports that are the host's own.</summary>
    public IReadOnlyList<ushort> ReservedUdpPorts { get; init; } = [];
}

/// <summary>Holds <see cref="HostInfo"/> from the moment start-up has found them.</summary>
public sealed class HostInfoSource
{
    private HostInfo? _facts;

    public HostInfoSource()
    {
    }

    public HostInfoSource(HostInfo facts) => _facts = facts;

    /// <summary>The facts; asking before start-up has found them is a defect.</summary>
    public HostInfo Current => _facts ?? throw new InvalidOperationException("The host's facts are not known yet: start-up has not come that far.");

    public void Set(HostInfo facts) => _facts = facts;
}
