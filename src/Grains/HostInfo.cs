using HostService.Grains.Mandelbox;

namespace HostService.Grains;

/// <summary>Facts about this host, found at start-up and fixed from then on.</summary>
public sealed record HostInfo
{
    public required HostIdentity Identity { get; init; }
    public required HostEnvironment Environment { get; init; }

    /// <summary><c>Host:Root</c>.</summary>
    public string Root { get; init; } = "/fractal";

    /// <summary>Identifies this run of the service in the labels of its containers.</summary>
    public string Run { get; init; } = Guid.NewGuid().ToString("N");

    public ContainerOwner Owner => new(Identity.InstanceName, Run, Root);

    /// <summary>As <c>host-service version</c> prints it.</summary>
    public string Version { get; init; } = "";

    /// <summary>For example <c>1.0.0</c>.</summary>
    public string VersionNumber { get; init; } = "";

    /// <summary>The git commit of the build, 40 hexadecimal digits; empty outside a repository.</summary>
    public string Commit { get; init; } = "";

    public DateTimeOffset StartedAt { get; init; }

    /// <summary>The GPUs at start-up; empty on a host that has none.</summary>
    public IReadOnlyList<GpuDescription> Gpus { get; init; } = [];

    /// <summary>Mandelboxes per GPU (B12).</summary>
    public int MandelboxesPerGpu { get; init; } = 2;

    /// <summary>Video memory that must be free before a mandelbox is placed on a GPU; 0 for no check.</summary>
    public long MinimumFreeGpuMemoryKb { get; init; }

    public int CpuOnlySlots { get; init; } = 54;

    /// <summary>TCP ports that no mandelbox gets: 4678 and the configured ones.</summary>
    public IReadOnlyList<ushort> ReservedTcpPorts { get; init; } = [4678];
}

/// <summary>Holds <see cref="HostInfo"/> once start-up has found it.</summary>
public sealed class HostInfoSource(HostInfo? info = null)
{
    private HostInfo? _info = info;

    /// <exception cref="InvalidOperationException">Start-up has not found it yet: a defect.</exception>
    public HostInfo Current => _info ?? throw new InvalidOperationException("The host's identity is not known yet.");

    public void Set(HostInfo info) => _info = info;
}
