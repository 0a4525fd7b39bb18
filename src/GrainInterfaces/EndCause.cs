namespace HostService.GrainInterfaces;

/// <summary>Why a mandelbox ended. The first cause counts; the reason beside it says more.</summary>
[GenerateSerializer]
public enum EndCause
{
    /// <summary>Its container ended with exit code 0: the app ends so when its user leaves.</summary>
    UserLeft,

    /// <summary>Its container ended with another exit code.</summary>
    AppExited,

    /// <summary>Its container was killed, and had memory left; or its shim was.</summary>
    Killed,

    /// <summary>Somebody removed its container.</summary>
    Removed,

    /// <summary>Its container was killed because it had used all of its memory.</summary>
    OutOfMemory,

    /// <summary>It did not come up.</summary>
    StartFailed,

    /// <summary>It was the host's own, to warm up or to see whether spin-ups work again.</summary>
    Probe,

    /// <summary>Somebody ended it by the operators' interface.</summary>
    Operator,

    /// <summary>It used more of the disk than it may.</summary>
    QuotaExceeded,

    /// <summary>The host ended, without waiting for users.</summary>
    HostStopped,

    /// <summary>The host drained, and the drain could not last longer.</summary>
    DrainLimit,

    /// <summary>The network sandbox that its container had joined ended.</summary>
    NetworkLost,

    /// <summary>The container engine was lost.</summary>
    EngineLost,

    /// <summary>After a crash: what it uses belongs to another mandelbox.</summary>
    LeaseRevoked,

    /// <summary>It waited for a user, and another mandelbox has adopted it. The history does not list it.</summary>
    Adopted,

    /// <summary>It waited for a user, and is no longer wanted: too old, of a replaced image, or a spin-up needs its place.</summary>
    Replaced,

    /// <summary>It had gone, but not everything that it held; the rest was given back.</summary>
    Remains,

    /// <summary>The service crashed or was killed, and the next run, or <c>reclaim</c>, removed what was left of it.</summary>
    HostCrashed,
}

/// <summary>The mandelboxes that have gone.</summary>
public static class MandelboxHistory
{
    /// <summary>How many are kept.</summary>
    public const int Length = 1000;
}

/// <summary>When a mandelbox reached a state.</summary>
[GenerateSerializer, Immutable]
public sealed record MandelboxPhase([property: Id(0)] MandelboxState State, [property: Id(1)] DateTimeOffset Since);
