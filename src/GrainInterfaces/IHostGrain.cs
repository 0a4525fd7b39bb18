using Orleans.Concurrency;

namespace HostService.GrainInterfaces;

/// <summary>
/// The host: the only authority on leases, identity and status. Key: <see cref="HostKeys.Host"/>. Its turns touch memory only: no call
/// waits for the engine, the disk or the network.
/// </summary>
public interface IHostGrain : IGrainWithStringKey
{
    /// <summary>
    /// Gives a TTY, three host ports and a GPU slot, or nothing. Repeated for one mandelbox, it gives the first lease. Where a mandelbox
    /// of the app waits, the lease is that one's. When nothing is free, it waits where a queue is configured;
    /// <see cref="ReleaseLease"/> ends the wait, too.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<LeaseAnswer> AcquireLease(LeaseRequest request);

    /// <summary>The place of a mandelbox among those that wait for a lease, 1 for the next one; null when it does not wait.</summary>
    [ReadOnly]
    Task<int?> QueuePlace(string mandelboxId);

    /// <summary>
    /// Keeps room for a mandelbox that the fleet is about to place here, for <see cref="HostReservations.Lasting"/>. Null on success, else
    /// why not. Repeated, it lasts from then on. <see cref="AcquireLease"/> of that mandelbox uses it up.
    /// </summary>
    Task<string?> Reserve(string mandelboxId);

    /// <summary>Gives reserved room back. Does nothing where none is reserved.</summary>
    Task CancelReservation(string mandelboxId);

    /// <summary>ECS mode: gives a TTY and a GPU slot to the agent's container, which publishes these host ports already.</summary>
    Task<LeaseAnswer> AdoptLease(Guid leaseId, string mandelboxId, IReadOnlyList<PortBinding> ports);

    /// <summary>After a crash: enters the lease of a mandelbox that is taken over. Refused where it contradicts another one.</summary>
    Task<LeaseAnswer> RestoreLease(Lease lease);

    /// <summary>
    /// Keeps what containers of earlier runs use, as read from their labels, so that no mandelbox gets it; releases what was kept for
    /// containers that are no longer among them. The owner of each lease is unlike any mandelbox id.
    /// </summary>
    Task HoldLeases(IReadOnlyList<Lease> leases);

    /// <summary>
    /// Releases a lease. Does nothing when it was released before, or when the mandelbox holds another lease by now. One that came from a
    /// mandelbox that waits goes back to that one, unless that one has released it. One whose request arrives later is not given.
    /// </summary>
    Task ReleaseLease(string mandelboxId, Guid leaseId);

    /// <summary>
    /// All leases, those of <see cref="HoldLeases"/> included. One that was handed over is there twice, until the mandelbox that waited has
    /// released it: as it has it, and as its new owner has it.
    /// </summary>
    [ReadOnly]
    Task<IReadOnlyList<Lease>> ListLeases();

    /// <summary>
    /// Reserves three ports for a further network sandbox, whose container the caller starts. Null while none is wanted: the pool is full,
    /// no port is free, the host is closed, or a spin-up runs that does not wait in the queue: it must not wait for the engine.
    /// </summary>
    Task<NetworkSandbox?> BeginSandbox();

    /// <summary>The container of a sandbox runs. False when it has ended since: it is not given to a mandelbox.</summary>
    Task<bool> SandboxStarted(string name);

    /// <summary>
    /// A sandbox did not start, or has ended: no mandelbox gets it. Returns the mandelbox that uses it, whose end releases it, or null.
    /// </summary>
    Task<string?> SandboxEnded(string name);

    /// <summary>A sandbox has been removed: its ports are free. Does nothing while a mandelbox uses it.</summary>
    Task ForgetSandbox(string name);

    /// <summary>All network sandboxes whose ports are not free.</summary>
    [ReadOnly]
    Task<IReadOnlyList<NetworkSandbox>> ListSandboxes();

    /// <summary>
    /// Whether a mandelbox may be started ahead: the host is active, has a lease to give, and no spin-up runs, which would be slowed down.
    /// </summary>
    [ReadOnly]
    Task<bool> MayStartWaiting();

    /// <summary>A mandelbox reports its state; <see cref="MandelboxState.Gone"/> removes it from the list.</summary>
    /// <param name="steps">Of its life, once it has gone: nothing is added any longer.</param>
    Task Report(MandelboxDescription mandelbox, [Immutable] IReadOnlyList<TimelineStep>? steps = null);

    /// <summary>All mandelboxes that have not gone.</summary>
    [ReadOnly]
    Task<IReadOnlyList<MandelboxDescription>> ListMandelboxes();

    /// <summary>The last mandelboxes that have gone, also in earlier runs, the newest first; see <see cref="MandelboxHistory"/>.</summary>
    [ReadOnly]
    Task<IReadOnlyList<MandelboxDescription>> ListEnded(int limit);

    /// <summary>The last mandelbox of this id that has gone, with its steps; null where <see cref="ListEnded"/> has none.</summary>
    [ReadOnly]
    Task<MandelboxTimeline?> FindEnded(string mandelboxId);

    /// <summary>
    /// The last events of one mandelbox, or of all of the host, the oldest first; <see cref="HostEvents.Kept"/> are kept.
    /// </summary>
    [ReadOnly]
    Task<IReadOnlyList<HostEvent>> ListEvents(int limit, string? mandelboxId = null);

    /// <summary>
    /// The first events after a sequence number (<see cref="HostEvents.After"/>), the oldest first. Waits for one where there is none, for
    /// <see cref="HostEvents.LongestRead"/> at most; then the answer is empty.
    /// </summary>
    [AlwaysInterleave]
    Task<IReadOnlyList<HostEvent>> ReadEvents(long after, int limit, CancellationToken cancellationToken = default);

    /// <summary>The mandelbox that holds this host port, or null.</summary>
    [ReadOnly]
    Task<string?> FindByHostPort(int hostPort, Transport transport);

    /// <summary>ECS mode: assigns a container that the agent created to a mandelbox. Null on success, else the reason.</summary>
    Task<string?> RegisterContainer(string containerId, string mandelboxId);

    /// <summary>The mandelbox that a container was registered for, or null.</summary>
    [ReadOnly]
    Task<string?> FindByContainer(string containerId);

    /// <summary>Requests the shutdown of the service, as <see cref="IShutdownSignal"/> does, from a gateway in another process.</summary>
    Task RequestShutdown(string reason, bool force);

    /// <summary>Ends a drain that is only waiting for users (<see cref="IShutdownControl"/>). Null on success, else the reason.</summary>
    Task<string?> CancelDrain();

    /// <summary>
    /// Ends the service for a restart; mandelboxes go on. Null when it has begun, else why that would cost users something.
    /// </summary>
    Task<string?> RequestRestart();

    /// <summary>While draining: refuses also what was assigned before (B30).</summary>
    Task RefuseSpinUps();

    /// <summary>Sets why an active host takes no work: one sentence per cause, under a stable key. Null removes the cause.</summary>
    Task SetNotReady(string cause, string? why);

    /// <summary>Null after a spin-up that succeeded, else how this host failed it. After several in a row it is not ready.</summary>
    Task ReportSpinUp(SpinUpFailure? failure);

    /// <summary>Identity, status, pools, GPUs.</summary>
    [ReadOnly]
    Task<HostDescription> Describe();

    /// <summary>Moves the host's status forward; a status that is not ahead of the current one is ignored.</summary>
    /// <param name="reason">For operators: who or what wants it.</param>
    Task SetStatus(HostStatus status, string? reason = null);

    /// <summary>Takes the latest figures of the machine; this grain never reads them itself.</summary>
    Task ReportMetrics(MachineFigures figures);

    /// <summary>Takes what the last comparison found.</summary>
    Task ReportDifferences(IReadOnlyList<Difference> differences);

    /// <summary>Takes the latest state of the GPUs; an unhealthy GPU gets no new mandelbox.</summary>
    Task ReportGpus(IReadOnlyList<GpuDescription> gpus);
}

/// <summary>Room that the fleet has reserved on a host.</summary>
public static class HostReservations
{
    /// <summary>Longer than a spin-up takes to ask for its lease: the fleet's call, and a grain call of 30 s at most.</summary>
    public static TimeSpan Lasting { get; } = TimeSpan.FromMinutes(1);
}

/// <summary>Keys of the grains that exist once per host.</summary>
public static class HostKeys
{
    /// <summary>The key of <see cref="IHostGrain"/>: the instance name.</summary>
    public static string Host(string instanceName) => instanceName;
}

/// <summary>What the host accepts. It only moves forward.</summary>
[GenerateSerializer]
public enum HostStatus
{
    /// <summary>Not ready yet: no spin-ups.</summary>
    Starting,

    /// <summary>Accepts spin-ups.</summary>
    Active,

    /// <summary>Accepts only what was assigned before (deployed environments, 30 s).</summary>
    Draining,

    /// <summary>Accepts nothing.</summary>
    Closed,
}

/// <summary>What each status allows.</summary>
public static class HostStatuses
{
    extension(HostStatus status)
    {
        /// <summary>Whether <paramref name="next"/> may follow this status.</summary>
        public bool CanBecome(HostStatus next) => (status, next) switch
        {
            (HostStatus.Starting, HostStatus.Active or HostStatus.Draining or HostStatus.Closed) => true,
            (HostStatus.Active, HostStatus.Draining or HostStatus.Closed) => true,
            (HostStatus.Draining, HostStatus.Active or HostStatus.Closed) => true,
            _ => false,
        };
    }
}

/// <summary>The identity of this host (B34).</summary>
/// <param name="InstanceName">Key of the row in the backend's database, and value of the containers' host label.</param>
/// <param name="InstanceId">EC2's id, or the machine's name in a local environment.</param>
/// <param name="InstanceType">For example <c>g4dn.xlarge</c>.</param>
/// <param name="AmiId">The machine image it was started from.</param>
/// <param name="Region">For example <c>us-east-1</c>.</param>
/// <param name="PublicIpv4">The address that clients connect to.</param>
[GenerateSerializer, Immutable]
public sealed record HostIdentity(
    [property: Id(0)] string InstanceName,
    [property: Id(1)] string InstanceId,
    [property: Id(2)] string InstanceType,
    [property: Id(3)] string AmiId,
    [property: Id(4)] string Region,
    [property: Id(5)] string PublicIpv4);

/// <summary>How full a pool is.</summary>
/// <param name="Capacity">Used and free together.</param>
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
    /// <summary>The host's own index, fixed while it runs: NVML's index when the GPU was first seen.</summary>
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

    /// <summary>NVML's current index, which mandelboxes get, where it differs from the host's: a GPU before it vanished.</summary>
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

    /// <summary>Why the host takes no work now, apart from its status: one sentence per cause.</summary>
    [Id(12)] public IReadOnlyList<string> NotReady { get; init; } = [];

    /// <summary>The differences that the last comparison found: 0 unless something is wrong.</summary>
    [Id(13)] public int Leaks { get; init; }

    /// <summary>Spin-ups that failed in a row through this host or its engine.</summary>
    [Id(14)] public int FailedSpinUps { get; init; }

    /// <summary>Network sandboxes that are to be ready, and of these those that are not; null where there is no pool.</summary>
    [Id(15)] public PoolFigures? Sandboxes { get; init; }

    /// <summary>The mandelboxes that wait for a lease, the next one first.</summary>
    [Id(16)] public IReadOnlyList<string> Queue { get; init; } = [];

    /// <summary>
    /// How many mandelboxes are to wait for users, and how many of these do not yet; null where none are configured.
    /// </summary>
    [Id(17)] public PoolFigures? Waiting { get; init; }

    /// <summary>How many spin-ups may wait in the queue; 0: none.</summary>
    [Id(18)] public int QueueCapacity { get; init; }

    /// <summary>For example <c>1.0.0</c>.</summary>
    [Id(19)] public string VersionNumber { get; init; } = "";

    /// <summary>The git commit of the build, 40 hexadecimal digits; empty outside a repository.</summary>
    [Id(20)] public string Commit { get; init; } = "";

    /// <summary>
    /// For how many mandelboxes the fleet has reserved room: they have no lease yet, and nobody else gets what they need.
    /// </summary>
    [Id(21)] public int Reserved { get; init; }

    /// <summary>
    /// How many more mandelboxes it would take now: what is free or held by mandelboxes that wait for users, less what is reserved.
    /// </summary>
    [Id(22)] public int Free { get; init; }
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
