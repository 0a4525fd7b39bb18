namespace HostService.GrainInterfaces;

/// <summary>
/// The phases of a spin-up that code decides by. All others are names of steps, or the fleet's own. They are in answers, timelines and
/// metrics: hosts of other versions read them, so they stay.
/// </summary>
public static class SpinUpPhases
{
    /// <summary>The id cannot be that of a mandelbox.</summary>
    public const string Id = "id";

    /// <summary>The id is taken by another user, session or app.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>
    /// The mandelbox runs for this user and session, but what a client needs was lost in a crash of the service, or was not yet there.
    /// Once it has been ended, it can be spun up again.
    /// </summary>
    public const string KeyLost = "key lost";

    /// <summary>It was stopped before it was up.</summary>
    public const string Ended = "ended";

    /// <summary>Its caller did not wait, or the host stops.</summary>
    public const string Cancelled = "cancelled";

    public const string Token = "token";
    public const string Lease = "lease";
    public const string Claim = "claim";
    public const string Image = "image";
    public const string Directories = "directories";
    public const string Devices = "devices";
    public const string Mappings = "mappings";
    public const string Create = "create";
    public const string Announce = "announce";
}
