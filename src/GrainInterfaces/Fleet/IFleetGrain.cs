using Orleans.Concurrency;

namespace HostService.GrainInterfaces.Fleet;

/// <summary>
/// The fleet: which hosts there are, and which of them takes a mandelbox. It only proposes: the host itself decides
/// (<see cref="IHostGrain.Reserve"/>), so that no host is overbooked whatever is known here. Key: <see cref="FleetKeys.Fleet"/>.
/// </summary>
public interface IFleetGrain : IGrainWithStringKey
{
    /// <summary>Takes what a host says of itself, from its <see cref="IFleetHostGrain"/>.</summary>
    [AlwaysInterleave]
    Task Report(HostReport report);

    /// <summary>A host's relay is not connected: nothing is placed there until it reports again.</summary>
    [AlwaysInterleave]
    Task SetAway(string host, string why);

    /// <summary>All hosts that have reported, by name.</summary>
    [AlwaysInterleave]
    Task<IReadOnlyList<FleetHost>> ListHosts();

    /// <summary>Samples of the last two hours, the oldest first; one each half minute, as long as hosts report.</summary>
    [AlwaysInterleave]
    Task<IReadOnlyList<FleetSample>> ReadHistory();

    /// <summary>
    /// Removes a host that never comes back from the list. Null on success, else why not: it is not away. One that reports again is listed
    /// again.
    /// </summary>
    [AlwaysInterleave]
    Task<string?> Forget(string host);

    /// <summary>Whether an operator has removed this host (<see cref="Forget"/>), and it has not reported since.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Host)]
    Task<bool> IsForgotten(string host);

    /// <summary>
    /// Reserves room for a mandelbox on the host that suits it best; on the next one where a host refuses. When all are full, it waits
    /// where a queue is configured.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<PlacementAnswer> Place(PlacementRequest request);
}

/// <summary>Keys of the grains of a fleet.</summary>
public static class FleetKeys
{
    /// <summary>The key of <see cref="IFleetGrain"/>: there is one.</summary>
    public const string Fleet = "fleet";
}

/// <summary>What a host says of itself.</summary>
[GenerateSerializer, Immutable]
public sealed record HostReport
{
    /// <summary>The host's instance name.</summary>
    [Id(0)] public required string Host { get; init; }

    /// <summary>The address that clients connect to.</summary>
    [Id(1)] public required string Address { get; init; }

    /// <summary>For example <c>us-east-1</c>; empty where it has none.</summary>
    [Id(2)] public string Region { get; init; } = "";

    /// <summary>For example <c>g4dn.xlarge</c>.</summary>
    [Id(3)] public string InstanceType { get; init; } = "";

    /// <summary>Of the host service, for example <c>1.0.0</c>.</summary>
    [Id(4)] public string Version { get; init; } = "";

    [Id(5)] public required HostStatus Status { get; init; }

    /// <summary>Why it takes no work, apart from its status.</summary>
    [Id(6)] public IReadOnlyList<string> NotReady { get; init; } = [];

    /// <summary>How many mandelboxes it can hold: the slots of its GPUs, or its TTYs where these are fewer.</summary>
    [Id(7)] public required int Capacity { get; init; }

    /// <summary>How many more it would take now: what is free or held by mandelboxes that wait for users, less what is reserved.</summary>
    [Id(8)] public required int Free { get; init; }

    /// <summary>The names of its GPUs that are healthy, each once.</summary>
    [Id(9)] public IReadOnlyList<string> GpuKinds { get; init; } = [];

    /// <summary>By app: how many mandelboxes wait there for a user.</summary>
    [Id(10)] public IReadOnlyDictionary<string, int> Waiting { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Those that have a user, or are being started for one.</summary>
    [Id(11)] public IReadOnlyList<ReportedMandelbox> Mandelboxes { get; init; } = [];

    /// <summary>Distinguishes the runs of the host service; a report of an earlier run says nothing.</summary>
    [Id(12)] public DateTimeOffset StartedAt { get; init; }

    /// <summary>The last one; null when none has been begun since the relay's start.</summary>
    [Id(13)] public HostUpgrade? Upgrade { get; init; }

    /// <summary>The address of the host's own page for operators; empty where it is not known.</summary>
    [Id(14)] public string Page { get; init; } = "";

    /// <summary>
    /// Why it cannot be a report; null when it can. It comes from another machine: JSON has nulls where the types have none.
    /// </summary>
    public string? Fault() =>
        Host is null || Address is null || Region is null || InstanceType is null || Version is null ? "a name is missing"
        : NotReady?.All(why => why is not null) != true || GpuKinds?.All(kind => kind is not null) != true ? "a list is missing"
        : Waiting?.All(app => app.Value >= 0) != true ? "the mandelboxes that wait are missing"
        : Mandelboxes?.All(mandelbox => mandelbox is not null && MandelboxIds.Fault(mandelbox.MandelboxId ?? "") is null) != true
            ? "the mandelboxes are missing, or have ids that are none"
        : Capacity < 0 || Free < 0 ? "its room is no room"
        : Page is null || (Page.Length > 0 && !(Uri.TryCreate(Page, UriKind.Absolute, out var page) && page.Scheme == Uri.UriSchemeHttps))
            ? "the address of its page is none"
        : Upgrade is not null && (Upgrade.Version is null || Upgrade.Attempt is null) ? "its upgrade is none"
        : !Enum.IsDefined(Status) ? "its status is none"
        : null;
}

/// <summary>A mandelbox in a host's report.</summary>
[GenerateSerializer, Immutable]
public sealed record ReportedMandelbox(
    [property: Id(0)] string MandelboxId,
    [property: Id(1)] MandelboxState State,
    [property: Id(2)] string? AppName,
    [property: Id(3)] DateTimeOffset CreatedAt);

/// <summary>A host as the fleet knows it.</summary>
/// <param name="Report">Its last one.</param>
/// <param name="ReportedAt">By the clock of the fleet.</param>
/// <param name="Away">Why it is out of reach; null while it is not.</param>
/// <param name="IsLost">Whether it has been out of reach for so long that its sessions count as lost.</param>
[GenerateSerializer, Immutable]
public sealed record FleetHost(
    [property: Id(0)] HostReport Report,
    [property: Id(1)] DateTimeOffset ReportedAt,
    [property: Id(2)] string? Away,
    [property: Id(3)] bool IsLost = false)
{
    /// <summary>One of <see cref="FleetHosts.States"/>.</summary>
    public string State => this switch
    {
        { IsLost: true } => FleetHosts.Lost,
        { Away: not null } => FleetHosts.Away,
        { Report.Status: not HostStatus.Active } => MetricLabels.Of(Report.Status),
        { Report.NotReady.Count: > 0 } => FleetHosts.NotReady,
        _ => FleetHosts.Ready,
    };
}

/// <summary>What a fleet had at a time.</summary>
/// <param name="At">By the clock of the fleet.</param>
/// <param name="Capacity">Mandelboxes that the hosts that are not away can hold.</param>
/// <param name="Users">Mandelboxes that have a user, on the same hosts.</param>
/// <param name="Free">Mandelboxes that the hosts that are ready would take more.</param>
[GenerateSerializer, Immutable]
public sealed record FleetSample(
    [property: Id(0)] DateTimeOffset At, [property: Id(1)] int Capacity, [property: Id(2)] int Users, [property: Id(3)] int Free);

/// <summary>In which order hosts are tried that suit equally well.</summary>
[GenerateSerializer]
public enum PlacementOrder
{
    /// <summary>The emptiest first: a host that is lost costs few sessions.</summary>
    Spread,

    /// <summary>The fullest first: hosts become empty, and can be given back.</summary>
    Pack,
}

/// <summary>What a mandelbox needs of its host; null: no wish.</summary>
/// <param name="Region">For example <c>us-east-1</c>.</param>
/// <param name="Gpu">Part of the name of a GPU, for example <c>T4</c>; in any case of letters.</param>
/// <param name="Host">This host and no other.</param>
/// <param name="Order">Instead of the configured one.</param>
[GenerateSerializer, Immutable]
public sealed record PlacementWishes(
    [property: Id(0)] string? Region = null,
    [property: Id(1)] string? Gpu = null,
    [property: Id(2)] string? Host = null,
    [property: Id(3)] PlacementOrder? Order = null);

/// <summary>A request for a place.</summary>
/// <param name="Excluded">Hosts that have just failed to take it, and are not asked again; null: none.</param>
[GenerateSerializer, Immutable]
public sealed record PlacementRequest(
    [property: Id(0)] string MandelboxId,
    [property: Id(1)] string AppName,
    [property: Id(2)] PlacementWishes Wishes,
    [property: Id(3)] IReadOnlyList<string>? Excluded = null);

/// <summary>A host on which room is reserved, or a refusal: one of the two is set.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Refusal">Why there is no place, with the reason of each host.</param>
/// <param name="IsTemporary">Whether the same request may get a place later: a host that suits is full, away or not ready.</param>
/// <param name="Address">The address of the host that clients connect to.</param>
[GenerateSerializer, Immutable]
public sealed record PlacementAnswer(
    [property: Id(0)] string? Host,
    [property: Id(1)] string? Refusal,
    [property: Id(2)] bool IsTemporary = false,
    [property: Id(3)] string? Address = null);
