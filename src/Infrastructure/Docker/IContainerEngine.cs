using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Docker;

/// <summary>
/// The container engine, as this project needs it. Calls that change something may be repeated: stopping a stopped container and removing an
/// absent one succeed. Failures are <see cref="ContainerEngineException"/>.
/// </summary>
public interface IContainerEngine
{
    /// <summary>The engine's version and what it offers; throws when it does not answer.</summary>
    Task<EngineInfo> PingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The first local image that matches: patterns are tried in order, each taken literally and looked for anywhere in an image's tags. The tag that
    /// matched, or null.
    /// </summary>
    Task<string?> FindImageAsync(IReadOnlyList<string> patterns, CancellationToken cancellationToken);

    /// <summary>Creates a container and returns its id.</summary>
    Task<string> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken);

    /// <summary>Starts a created container.</summary>
    Task StartAsync(string containerId, CancellationToken cancellationToken);

    /// <summary>Ends it: TERM, then after <paramref name="grace"/> KILL. Returns once it has ended.</summary>
    Task StopAsync(string containerId, TimeSpan grace, CancellationToken cancellationToken);

    /// <summary>Removes it, running or not, with its anonymous volumes. Returns once the engine no longer knows it.</summary>
    Task RemoveAsync(string containerId, CancellationToken cancellationToken);

    /// <summary>What the engine knows of a container by id or name; null when it knows none.</summary>
    Task<ContainerDescription?> InspectAsync(string containerIdOrName, CancellationToken cancellationToken);

    /// <summary>All containers, running or not, that carry all of these labels (an empty value matches any value; no labels: every container).</summary>
    Task<IReadOnlyList<ContainerDescription>> ListAsync(IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken);

    /// <summary>
    /// Container events (<c>create</c>, <c>start</c>, <c>die</c>, <c>destroy</c>) from <paramref name="since"/> on. Returned once the engine has accepted: what
    /// happens from then on will be told. Coming back after it broke is <see cref="ContainerEventStream"/>'s work.
    /// </summary>
    Task<IContainerEventSubscription> WatchAsync(DateTimeOffset? since, CancellationToken cancellationToken);
}

/// <summary>Events as the engine sends them, until it breaks off.</summary>
public interface IContainerEventSubscription : IAsyncDisposable
{
    /// <summary>The next event; throws <see cref="ContainerEngineException"/> once the stream has broken or ended. One call at a time.</summary>
    Task<ContainerEvent> NextAsync(CancellationToken cancellationToken);
}

/// <summary>Why a call to the engine failed.</summary>
public enum EngineFailure
{
    /// <summary>Anything the engine says that is none of the others.</summary>
    Refused,

    /// <summary>The engine did not answer at all.</summary>
    Unreachable,

    /// <summary>No such container or image.</summary>
    NotFound,

    /// <summary>A container of that name exists.</summary>
    NameTaken,

    /// <summary>The call did not end within its deadline.</summary>
    TimedOut,
}

/// <summary>A call to the engine failed; the message says what was attempted on what.</summary>
public sealed class ContainerEngineException(EngineFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public EngineFailure Failure { get; } = failure;
}

/// <summary>The engine behind the socket.</summary>
/// <param name="Version">For example <c>20.10.24</c>.</param>
/// <param name="ApiVersion">The API version agreed on.</param>
/// <param name="Runtimes">Names of container runtimes, for example <c>runc</c>, <c>nvidia</c>.</param>
/// <param name="SecurityOptions">For example <c>apparmor</c>.</param>
public sealed record EngineInfo(string Version, string ApiVersion, IReadOnlyList<string> Runtimes, IReadOnlyList<string> SecurityOptions)
{
    /// <summary>The runtime of containers that name none, for example <c>runc</c>; empty where the engine does not say.</summary>
    public string DefaultRuntime { get; init; } = "";

    /// <summary>Who makes containers' cgroups: <c>systemd</c> or <c>cgroupfs</c>; empty where the engine does not say.</summary>
    public string CgroupDriver { get; init; } = "";
}

/// <summary>Everything that a container is created with.</summary>
public sealed record ContainerSpec
{
    public required string Name { get; init; }
    public required string Image { get; init; }
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<string> Environment { get; init; } = [];
    public IReadOnlyList<PortBinding> Ports { get; init; } = [];

    /// <summary><c>host:container[:options]</c>.</summary>
    public IReadOnlyList<string> Binds { get; init; } = [];
    public IReadOnlyList<DeviceMapping> Devices { get; init; } = [];
    public IReadOnlyDictionary<string, string> Tmpfs { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<string> CapDrop { get; init; } = [];
    public IReadOnlyList<string> CapAdd { get; init; } = [];
    public IReadOnlyList<string> SecurityOptions { get; init; } = [];

    /// <summary>Bytes; 0 for no limit.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Relative weight; 0 for the engine's own.</summary>
    public long CpuShares { get; init; }

    /// <summary>Bytes; 0 for the engine's own.</summary>
    public long ShmBytes { get; init; }

    /// <summary>Runtime's name; null for the engine's own.</summary>
    public string? Runtime { get; init; }

    /// <summary>A TTY, with standard input, output and error attached and standard input kept open.</summary>
    public bool Tty { get; init; }
}

/// <param name="Permissions">A subset of <c>rwm</c>.</param>
public sealed record DeviceMapping(string PathOnHost, string PathInContainer, string Permissions);

/// <summary>A container as the engine knows it.</summary>
public sealed record ContainerDescription
{
    public required string Id { get; init; }

    /// <summary>Without the leading slash.</summary>
    public required string Name { get; init; }
    public required string Image { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary><c>created</c>, <c>running</c>, <c>paused</c>, <c>restarting</c>, <c>removing</c>, <c>exited</c>, <c>dead</c>.</summary>
    public required string Status { get; init; }
    public bool Running => Status is "running" or "paused" or "restarting";

    /// <summary>It has run and does so no more; a container that was only created has not.</summary>
    public bool Ended => Status is "exited" or "dead";
    public int? ExitCode { get; init; }

    /// <summary>The process id of its first process on the host; 0 when it does not run.</summary>
    public long Pid { get; init; }
    public IReadOnlyList<PortBinding> Ports { get; init; } = [];
    public DateTimeOffset? CreatedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
}

/// <summary>Something happened to a container.</summary>
/// <param name="Action"><c>create</c>, <c>start</c>, <c>die</c>, <c>destroy</c>, ….</param>
/// <param name="ContainerId">Docker's id.</param>
/// <param name="Labels">The container's labels (the engine sends them with the event).</param>
/// <param name="ExitCode">Of a <c>die</c>.</param>
/// <param name="At">The engine's time, to the nanosecond where it says so.</param>
public sealed record ContainerEvent(string Action, string ContainerId, IReadOnlyDictionary<string, string> Labels, int? ExitCode, DateTimeOffset At);
