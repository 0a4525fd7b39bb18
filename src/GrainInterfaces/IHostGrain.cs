using Orleans.Concurrency;

namespace HostService.GrainInterfaces;

/// <summary>
/// The host: the only authority on leases, identity and status. Key: <see cref="HostKeys.Host"/>. Its turns touch memory only; nothing here ever waits
/// for the engine, the disk or the network.
/// </summary>
public interface IHostGrain : IGrainWithStringKey
{
    /// <summary>
    /// A TTY, three host ports and a GPU slot, all or nothing. Asking twice for the same mandelbox gives the same lease.
    /// </summary>
    Task<LeaseAnswer> TakeLease(LeaseRequest request);

    /// <summary>
    /// ECS mode: a TTY and a GPU slot for a container that somebody else made and that is bound to these host ports already, wherever they lie.
    /// </summary>
    Task<LeaseAnswer> AdoptLease(string mandelboxId, IReadOnlyList<PortBinding> ports);

    /// <summary>
    /// Enters the lease of a container that outlived its service, as its labels tell it. Refused where it contradicts what is entered already.
    /// </summary>
    Task<LeaseAnswer> RestoreLease(Lease lease);

    /// <summary>Gives a lease back. A lease that was given back already, or that another owner has by now, is left alone.</summary>
    Task GiveBackLease(string mandelboxId, Guid leaseId);

    /// <summary>A mandelbox tells where it stands; <see cref="MandelboxState.Gone"/> takes it off the list.</summary>
    Task Report(MandelboxDescription mandelbox);

    /// <summary>All mandelboxes that have not gone.</summary>
    [ReadOnly]
    Task<IReadOnlyList<MandelboxDescription>> ListMandelboxes();

    /// <summary>The mandelbox that holds this host port, or null.</summary>
    [ReadOnly]
    Task<string?> FindByHostPort(int hostPort, Transport transport);

    /// <summary>ECS mode: this container, made by somebody else, is this mandelbox. Null on success, else why not.</summary>
    Task<string?> RegisterContainer(string containerId, string mandelboxId);

    /// <summary>The mandelbox that a container was registered for, or null.</summary>
    [ReadOnly]
    Task<string?> FindByContainer(string containerId);

    /// <summary>Asks the service for its one way out (B30), from a gateway in another process.</summary>
    Task RequestShutdown(string reason);

    /// <summary>Why work cannot be taken now although the host is active, one sentence a cause under a stable key; null takes the cause away.</summary>
    Task SetNotReady(string cause, string? why);

    /// <summary>Identity, status, pools, GPUs.</summary>
    [ReadOnly]
    Task<HostDescription> Describe();

    /// <summary>Moves the host's status forward: Starting, Active, Draining, Closed.</summary>
    Task SetStatus(HostStatus status);

    /// <summary>The latest reading of the machine, from the metrics service; never taken on a turn of this grain.</summary>
    Task ReportMetrics(MachineFigures figures);

    /// <summary>The latest state of the GPUs; a sick one gets no new mandelbox.</summary>
    Task ReportGpus(IReadOnlyList<GpuDescription> gpus);
}

/// <summary>Keys of grains of which a host has one.</summary>
public static class HostKeys
{
    /// <summary>The key of <see cref="IHostGrain"/> on a single-silo cluster is the instance's name.</summary>
    public static string Host(string instanceName) => instanceName;
}

/// <summary>What the host accepts.</summary>
[GenerateSerializer]
public enum HostStatus
{
    /// <summary>Not ready yet: no spin-ups.</summary>
    Starting,

    /// <summary>Takes spin-ups.</summary>
    Active,

    /// <summary>Only what was assigned before still comes in (deployed environments, 30 s).</summary>
    Draining,

    /// <summary>Nothing comes in any more.</summary>
    Closed,
}

/// <summary>Who this host is (B34).</summary>
/// <param name="InstanceName">The row's key in the backend's database, and the host label of containers.</param>
/// <param name="InstanceId">EC2's id, or the machine's name in a local environment.</param>
/// <param name="InstanceType">For example <c>g4dn.xlarge</c>.</param>
/// <param name="AmiId">The image it was started from.</param>
/// <param name="Region">For example <c>us-east-1</c>.</param>
/// <param name="PublicIpv4">Where clients reach it.</param>
[GenerateSerializer, Immutable]
public sealed record HostIdentity(
    [property: Id(0)] string InstanceName,
    [property: Id(1)] string InstanceId,
    [property: Id(2)] string InstanceType,
    [property: Id(3)] string AmiId,
    [property: Id(4)] string Region,
    [property: Id(5)] string PublicIpv4);

/// <summary>How full a pool is.</summary>
/// <param name="Capacity">All there is.</param>
/// <param name="Used">Held by mandelboxes.</param>
[GenerateSerializer, Immutable]
public sealed record PoolFigures(
    [property: Id(0)] int Capacity,
    [property: Id(1)] int Used)
{
    public int Free => Capacity - Used;
}

/// <summary>One GPU as the host sees it.</summary>
[GenerateSerializer, Immutable]
public sealed record GpuDescription
{
    /// <summary>The host's own, the same for as long as it runs: NVML's when the GPU was first seen.</summary>
    [Id(0)] public required int Index { get; init; }
    [Id(1)] public required string Name { get; init; }
    [Id(2)] public required string Uuid { get; init; }
    [Id(3)] public long? TotalMemoryKb { get; init; }
    [Id(4)] public long? FreeMemoryKb { get; init; }
    [Id(5)] public int? UtilisationPercent { get; init; }

    /// <summary>Mandelboxes on it now.</summary>
    [Id(6)] public int Used { get; init; }

    /// <summary>Null when healthy; otherwise why no mandelbox is placed on it.</summary>
    [Id(7)] public string? Unhealthy { get; init; }
    [Id(8)] public int? MemoryUtilisationPercent { get; init; }
    [Id(9)] public int? EncoderSessions { get; init; }

    /// <summary>What NVML calls it now, where that is no longer <see cref="Index"/> because a GPU before it vanished; a mandelbox placed on it is told this.</summary>
    [Id(10)] public int? NvmlIndex { get; init; }
}

/// <summary>The host as an operator sees it.</summary>
[GenerateSerializer, Immutable]
public sealed record HostDescription
{
    [Id(0)] public required HostIdentity Identity { get; init; }
    [Id(1)] public required HostStatus Status { get; init; }
    [Id(2)] public required string Environment { get; init; }
    [Id(3)] public required string Version { get; init; }
    [Id(4)] public required DateTimeOffset StartedAt { get; init; }
    [Id(5)] public required PoolFigures Ttys { get; init; }
    [Id(6)] public required PoolFigures TcpPorts { get; init; }
    [Id(7)] public required PoolFigures UdpPorts { get; init; }
    [Id(8)] public required PoolFigures Slots { get; init; }
    [Id(9)] public required int Mandelboxes { get; init; }
    [Id(10)] public IReadOnlyList<GpuDescription> Gpus { get; init; } = [];
    [Id(11)] public MachineFigures? Metrics { get; init; }

    /// <summary>Why work cannot be taken now, one sentence a cause; empty when it can, status apart.</summary>
    [Id(12)] public IReadOnlyList<string> NotReady { get; init; } = [];

    /// <summary>Leases whose mandelbox has gone: 0 unless something is wrong.</summary>
    [Id(13)] public int Leaks { get; init; }
}

/// <summary>The machine's figures (B33). A figure that could not be read is null.</summary>
[GenerateSerializer, Immutable]
public sealed record MachineFigures
{
    [Id(0)] public required DateTimeOffset At { get; init; }
    [Id(1)] public long? TotalMemoryKb { get; init; }
    [Id(2)] public long? FreeMemoryKb { get; init; }
    [Id(3)] public long? AvailableMemoryKb { get; init; }
    [Id(4)] public int? LogicalCpus { get; init; }
    [Id(5)] public double? CpuPercent { get; init; }
    [Id(6)] public long? NanoCpusRemaining { get; init; }
    [Id(7)] public int? Gpus { get; init; }
    [Id(8)] public long? TotalGpuMemoryKb { get; init; }
    [Id(9)] public long? UsedGpuMemoryKb { get; init; }
    [Id(10)] public long? FreeGpuMemoryKb { get; init; }
    [Id(11)] public double? GpuPercent { get; init; }
    [Id(12)] public double? GpuMemoryPercent { get; init; }
    [Id(13)] public double? Load1 { get; init; }
    [Id(14)] public double? Load5 { get; init; }
    [Id(15)] public double? Load15 { get; init; }
    [Id(16)] public long? DiskTotalKb { get; init; }
    [Id(17)] public long? DiskUsedKb { get; init; }
    [Id(18)] public long? DiskFreeKb { get; init; }
    [Id(19)] public double? DiskUsedPercent { get; init; }
    [Id(20)] public double? UptimeSeconds { get; init; }
}
