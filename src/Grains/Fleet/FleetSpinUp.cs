using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>A spin-up in progress.</summary>
internal sealed class FleetSpinUp(SpinUpRequest request, PlacementWishes wishes, long since)
{
    public PlacementWishes Wishes => wishes;

    public SpinUpRequest Request => request;

    /// <summary>When it began, as a timestamp.</summary>
    public long Since => since;

    /// <summary>Repeated requests get it, too.</summary>
    public Task<FleetSpinUpAnswer> Answer { get; set; } = null!;

    /// <summary>Hosts that had no room for it after all.</summary>
    public List<string> Excluded { get; } = [];

    /// <summary>Whether a mandelbox without a key has been ended for it.</summary>
    public bool HasEndedOneWithoutKey { get; set; }

    /// <summary>Why it is to go no further; null while it may.</summary>
    public string? StopReason { get; set; }

    public bool IsSame(SpinUpRequest other) =>
        (request.UserId, request.SessionId, request.AppName) == (other.UserId, other.SessionId, other.AppName);
}
