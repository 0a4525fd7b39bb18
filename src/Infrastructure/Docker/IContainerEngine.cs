namespace HostService.Infrastructure.Docker;

/// <summary>
/// The container engine. Calls that change something may be repeated: stopping a stopped container and removing an absent one succeed.
/// Failures are <see cref="ContainerEngineException"/>.
/// </summary>
public interface IContainerEngine
{
    /// <summary>The engine's version and features; throws when it does not answer.</summary>
    Task<EngineInfo> PingAsync(CancellationToken cancellationToken);

    /// <summary>The tag of a local image, as <see cref="ContainerNames.FindImage"/> chooses it, or null.</summary>
    Task<string?> FindImageAsync(IReadOnlyList<string> patterns, CancellationToken cancellationToken);

    /// <summary>The id of the image that a tag names now; null when there is none.</summary>
    Task<string?> FindImageIdAsync(string tag, CancellationToken cancellationToken);

    /// <summary>Creates a container and returns its id.</summary>
    Task<string> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken);

    Task StartAsync(string containerId, CancellationToken cancellationToken);

    /// <summary>Sends TERM, and KILL after <paramref name="grace"/>. Returns once the container has ended.</summary>
    Task StopAsync(string containerId, TimeSpan grace, CancellationToken cancellationToken);

    /// <summary>Gives a container, running or not, another name. Repeated with the same name, it succeeds.</summary>
    Task RenameAsync(string containerId, string name, CancellationToken cancellationToken);

    /// <summary>Removes a container, running or not, with its anonymous volumes. Returns once the engine no longer knows it.</summary>
    Task RemoveAsync(string containerId, CancellationToken cancellationToken);

    /// <summary>A container by id or name; null when there is none.</summary>
    Task<ContainerDescription?> InspectAsync(string containerIdOrName, CancellationToken cancellationToken);

    /// <summary>All containers, running or not, that have all of these labels. An empty value matches any value.</summary>
    Task<IReadOnlyList<ContainerDescription>> ListAsync(IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken);

    /// <summary>
    /// The last lines of what a container has written to its terminal, or to standard output and error, in pieces of at most 16 KiB. None
    /// where the engine does not know the container.
    /// </summary>
    /// <param name="follow">Whether to go on with what it writes from then on, until it ends or the token is cancelled.</param>
    IAsyncEnumerable<byte[]> ReadOutputAsync(string containerId, int lines, bool follow, CancellationToken cancellationToken);

    /// <summary>
    /// Subscribes to container events (<c>create</c>, <c>start</c>, <c>oom</c>, <c>die</c>, <c>destroy</c>) from <paramref name="since"/>
    /// on. Returns once the engine has accepted, so that later events are not missed. <see cref="ContainerEventStream"/> reconnects after a
    /// break.
    /// </summary>
    Task<IContainerEventSubscription> WatchAsync(DateTimeOffset? since, CancellationToken cancellationToken);
}

/// <summary>The engine's events, until the stream ends or breaks.</summary>
public interface IContainerEventSubscription : IAsyncDisposable
{
    /// <summary>The next event; throws <see cref="ContainerEngineException"/> when the stream ends or breaks. One call at a time.</summary>
    Task<ContainerEvent> NextAsync(CancellationToken cancellationToken);
}

public enum EngineFailure
{
    /// <summary>Any other error answer of the engine.</summary>
    Refused,

    /// <summary>No connection, or a broken one.</summary>
    Unreachable,

    /// <summary>No such container or image.</summary>
    NotFound,

    NameTaken,

    /// <summary>Another program or container has bound a host port of the container.</summary>
    PortTaken,

    /// <summary>The container whose network it was to join does not run.</summary>
    NetworkGone,

    /// <summary>No answer within the call's timeout.</summary>
    TimedOut,
}

/// <summary>A call to the engine failed; the message names the call and the container.</summary>
public sealed class ContainerEngineException(EngineFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public EngineFailure Failure { get; } = failure;
}

/// <param name="Version">For example <c>20.10.24</c>.</param>
/// <param name="ApiVersion">The API version in use.</param>
/// <param name="Runtimes">Container runtimes, for example <c>runc</c>, <c>nvidia</c>.</param>
/// <param name="SecurityOptions">For example <c>apparmor</c>.</param>
public sealed record EngineInfo(string Version, string ApiVersion, IReadOnlyList<string> Runtimes, IReadOnlyList<string> SecurityOptions)
{
    /// <summary>The runtime of containers that name none, for example <c>runc</c>; empty when unknown.</summary>
    public string DefaultRuntime { get; init; } = "";

    /// <summary>The engine's own id, the same by whatever address it is reached; empty when unknown.</summary>
    public string Id { get; init; } = "";

    /// <summary><c>systemd</c> or <c>cgroupfs</c>; empty when unknown.</summary>
    public string CgroupDriver { get; init; } = "";
}

public sealed record ContainerSpec
{
    public required string Name { get; init; }
    public required string Image { get; init; }
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<string> Environment { get; init; } = [];
    public IReadOnlyList<PortBinding> Ports { get; init; } = [];

    /// <summary><c>host:container[:options]</c>.</summary>
    public IReadOnlyList<string> Binds { get; init; } = [];

    /// <summary>Paths of device nodes, the same inside, to be read, written and made there.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];
    public IReadOnlyDictionary<string, string> Tmpfs { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<string> CapDrop { get; init; } = [];
    public IReadOnlyList<string> CapAdd { get; init; } = [];
    public IReadOnlyList<string> SecurityOptions { get; init; } = [];

    /// <summary>Bytes; 0 for no limit.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Relative weight; 0 for the default.</summary>
    public long CpuShares { get; init; }

    /// <summary>Bytes; 0 for the default.</summary>
    public long ShmBytes { get; init; }

    /// <summary>Null for the default.</summary>
    public string? Runtime { get; init; }

    /// <summary>The id or name of a running container whose network it joins; it publishes no ports then.</summary>
    public string? NetworkOf { get; init; }

    /// <summary>Allocate a TTY, attach standard input, output and error, and keep standard input open.</summary>
    public bool Tty { get; init; }
}

public sealed record ContainerDescription
{
    public required string Id { get; init; }

    /// <summary>Without the leading slash.</summary>
    public required string Name { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary><c>created</c>, <c>running</c>, <c>paused</c>, <c>restarting</c>, <c>removing</c>, <c>exited</c>, <c>dead</c>.</summary>
    public required string Status { get; init; }
    public bool Running => Status is "running" or "paused" or "restarting";

    /// <summary>It has run and has ended; false for a container that was only created.</summary>
    public bool Ended => Status is "exited" or "dead";
    public bool IsBeingRemoved => Status is "removing";
    public int? ExitCode { get; init; }

    /// <summary>The id of the image that it was made from; from an inspection only.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>Whether the image's own health check has failed; from an inspection only.</summary>
    public bool Unhealthy { get; init; }

    /// <summary>Whether the kernel has killed a process of it because it used all of its memory.</summary>
    public bool OutOfMemory { get; init; }

    /// <summary>The host's id of its first process; 0 when it does not run.</summary>
    public long Pid { get; init; }
    public IReadOnlyList<PortBinding> Ports { get; init; } = [];

    /// <summary>The host's directories and files that are bound inside; from a list only.</summary>
    public IReadOnlyList<string> BoundPaths { get; init; } = [];
}

/// <param name="Action"><c>create</c>, <c>start</c>, <c>die</c>, <c>destroy</c>, ….</param>
/// <param name="ContainerId">Docker's id.</param>
/// <param name="Labels">The container's labels.</param>
/// <param name="ExitCode">Of a <c>die</c>.</param>
/// <param name="At">The engine's time.</param>
public sealed record ContainerEvent(
    string Action, string ContainerId, IReadOnlyDictionary<string, string> Labels, int? ExitCode, DateTimeOffset At)
{
    /// <summary>The container's name at that time, without the leading slash.</summary>
    public string Name { get; init; } = "";
}
