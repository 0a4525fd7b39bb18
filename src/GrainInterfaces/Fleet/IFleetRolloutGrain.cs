namespace HostService.GrainInterfaces.Fleet;

/// <summary>
/// Brings all hosts of the fleet to one version, a few at a time, and halts at the first that does not come back ready. Its state is kept
/// in storage. Key: <see cref="FleetKeys.Fleet"/>.
/// </summary>
public interface IFleetRolloutGrain : IGrainWithStringKey
{
    /// <summary>Begins one. Null on success, else why not: another one is not at its end.</summary>
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> Start(RolloutRequest request);

    /// <summary>The last one, with all hosts as they are now; null when there was none.</summary>
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<Rollout?> Find();

    /// <summary>Goes on with one that has halted: the host that failed is tried again. Null on success, else why not.</summary>
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> Resume();

    /// <summary>Upgrades no further host; those that are being upgraded go on. Null on success, else why not.</summary>
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<string?> Abort();

    /// <summary>This host is no longer of the fleet: a rollout does not wait for it.</summary>
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task Forget(string host);

    /// <summary>Takes the next step, where one is due. Each control silo calls it from time to time.</summary>
    Task Continue();
}

/// <summary>What an operator asks for.</summary>
/// <param name="Version">As hosts report theirs, for example <c>1.2.0</c>.</param>
/// <param name="MaxUnavailable">
/// From 1 to 1000. So many hosts may be upgraded, away or not ready at a time; until the first has the version, it is one.
/// </param>
/// <param name="MinFree">So many mandelboxes the other hosts must be able to take while one is upgraded; 0: no such limit.</param>
[GenerateSerializer, Immutable]
public sealed record RolloutRequest(
    [property: Id(0)] string Version, [property: Id(1)] int MaxUnavailable = 1, [property: Id(2)] int MinFree = 0)
{
    private const int LongestVersion = 64;

    /// <summary>Null when it can be done, else what is wrong with it.</summary>
    public string? Fault() =>
        VersionFault(Version) is { } fault ? fault
        : MaxUnavailable is < 1 or > 1000 ? $"maxUnavailable is {MaxUnavailable}; it must be from 1 to 1000"
        : MinFree < 0 ? $"minFree is {MinFree}; it must be 0 or more"
        : null;

    /// <summary>Null when it can be a version: it becomes part of a file's name.</summary>
    public static string? VersionFault(string? version) =>
        version?.Length is > 0 and <= LongestVersion && char.IsAsciiLetterOrDigit(version[0])
            && version.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '+' or '~')
            ? null
            : $"the version must be of 1 to {LongestVersion} letters, digits and any of '.', '-', '+', '~', "
                + "and begin with a letter or a digit";
}

/// <summary>How far a rollout is.</summary>
[GenerateSerializer]
public enum RolloutState
{
    Running,

    /// <summary>A host failed; nothing more is upgraded until an operator resumes or aborts it.</summary>
    Halted,

    /// <summary>All hosts have the version.</summary>
    Done,

    /// <summary>An operator ended it.</summary>
    Aborted,
}

/// <summary>A rollout.</summary>
/// <param name="Why">Why it has halted, or what it waits for.</param>
/// <param name="StartedAt">By the clock of the fleet.</param>
/// <param name="Hosts">By name.</param>
[GenerateSerializer, Immutable]
public sealed record Rollout(
    [property: Id(0)] string Version,
    [property: Id(1)] int MaxUnavailable,
    [property: Id(2)] int MinFree,
    [property: Id(3)] RolloutState State,
    [property: Id(4)] string? Why,
    [property: Id(5)] DateTimeOffset StartedAt,
    [property: Id(6)] IReadOnlyList<RolloutHost> Hosts);

/// <summary>How far a host is in a rollout.</summary>
[GenerateSerializer]
public enum RolloutHostState
{
    Pending,
    Upgrading,

    /// <summary>It has the version.</summary>
    Upgraded,

    Failed,

    /// <summary>It is draining or closed: it ends with the version that it has.</summary>
    LeftOut,
}

/// <summary>A host in a rollout.</summary>
/// <param name="Version">The one it has; null while the fleet does not know the host.</param>
/// <param name="HostState">One of <see cref="FleetHosts.States"/>; null while the fleet does not know the host.</param>
/// <param name="Mandelboxes">Those that have a user.</param>
[GenerateSerializer, Immutable]
public sealed record RolloutHost(
    [property: Id(0)] string Host,
    [property: Id(1)] RolloutHostState State,
    [property: Id(2)] string? Version,
    [property: Id(3)] string? HostState,
    [property: Id(4)] int Mandelboxes);

/// <summary>The last upgrade that the host's relay has begun.</summary>
/// <param name="Attempt">As the call that began it named it.</param>
/// <param name="Fault">Why it failed; null where it has not.</param>
/// <param name="IsEnded">Whether it is no longer in progress.</param>
[GenerateSerializer, Immutable]
public sealed record HostUpgrade(
    [property: Id(0)] string Version,
    [property: Id(1)] string Attempt,
    [property: Id(2)] string? Fault = null,
    [property: Id(3)] bool IsEnded = false);
