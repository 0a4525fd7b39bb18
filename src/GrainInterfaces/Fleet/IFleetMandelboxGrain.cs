using Orleans.Concurrency;

namespace HostService.GrainInterfaces.Fleet;

/// <summary>
/// Where one mandelbox is. Key: the mandelbox id. The host is kept in storage before anything is started there, so that a mandelbox is
/// never started on a second host while it may run on the first.
/// </summary>
public interface IFleetMandelboxGrain : IGrainWithStringKey
{
    /// <summary>
    /// Places a mandelbox on a host and spins it up there. Repeated, it goes to the same host, whose answer is then that of the first
    /// request (<see cref="IMandelboxGrain.SpinUp"/>).
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<FleetSpinUpAnswer> SpinUp(SpinUpRequest request, PlacementWishes wishes);

    /// <summary>Takes it down on its host. False when there is nothing to take down.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<bool> Stop(string reason);

    /// <summary>The host where it is, or may be; null when it has none.</summary>
    [AlwaysInterleave]
    Task<string?> FindHost();

    /// <summary>
    /// This host has it, placed by the fleet or by another caller of the host. False while another host is entered for it, or a spin-up
    /// decides: then the host is to say so again.
    /// </summary>
    /// <param name="address">The address of the host that clients connect to.</param>
    [AlwaysInterleave]
    Task<bool> Found(string host, string address);

    /// <summary>
    /// It has gone from this host. False while that host is still entered for it, because a spin-up decides: then it is to be said again.
    /// </summary>
    [AlwaysInterleave]
    Task<bool> Gone(string host);
}

/// <summary>The answer to a spin-up in the fleet.</summary>
/// <param name="Answer">The host's, or the fleet's refusal.</param>
/// <param name="Host">Where it is, or may be coming up; null where it is nowhere.</param>
/// <param name="Address">The address that its client connects to.</param>
/// <param name="IsTemporary">
/// Whether the same request may succeed later: no host has room now, or the host has not answered. Then it goes to that host again.
/// </param>
[GenerateSerializer, Immutable]
public sealed record FleetSpinUpAnswer(
    [property: Id(0)] SpinUpAnswer Answer,
    [property: Id(1)] string? Host = null,
    [property: Id(2)] string? Address = null,
    [property: Id(3)] bool IsTemporary = false);
