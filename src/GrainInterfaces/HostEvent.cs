namespace HostService.GrainInterfaces;

/// <summary>What an event is about.</summary>
[GenerateSerializer]
public enum HostEventKind
{
    /// <summary>A mandelbox has reached a state.</summary>
    Mandelbox,

    /// <summary>A spin-up waits in the queue because nothing is free.</summary>
    Queued,

    /// <summary>A mandelbox got no lease.</summary>
    Refused,

    /// <summary>The host's status, a drain or a restart.</summary>
    Host,

    /// <summary>A cause for which the host takes no work.</summary>
    NotReady,

    /// <summary>Such a cause has gone.</summary>
    Ready,

    /// <summary>A GPU is out of service, or back.</summary>
    Gpu,

    /// <summary>A <see cref="Difference"/> was found, or is in order again.</summary>
    Leak,
}

[GenerateSerializer]
public enum EventSeverity
{
    Information,

    /// <summary>A user may have noticed it.</summary>
    Warning,

    /// <summary>The host does less than it should.</summary>
    Error,
}

/// <summary>Something that happened on the host, in a plain sentence for operators: without secrets and users.</summary>
[GenerateSerializer, Immutable]
public sealed record HostEvent
{
    /// <summary>1 for the first event since the service started; each further one has the next number.</summary>
    [Id(0)] public required long Sequence { get; init; }
    [Id(1)] public required DateTimeOffset At { get; init; }
    [Id(2)] public required EventSeverity Severity { get; init; }
    [Id(3)] public required HostEventKind Kind { get; init; }

    /// <summary>Null where it is not about one mandelbox.</summary>
    [Id(4)] public string? MandelboxId { get; init; }
    [Id(5)] public required string Text { get; init; }

    /// <summary>The state that the mandelbox has reached; null for other kinds than Mandelbox.</summary>
    [Id(6)] public MandelboxState? State { get; init; }

    /// <summary>Why the mandelbox ends; null while it does not.</summary>
    [Id(7)] public EndCause? Cause { get; init; }
}

/// <summary>The host's events as they are kept.</summary>
public static class HostEvents
{
    /// <summary>How many are kept.</summary>
    public const int Kept = 1000;

    /// <summary>The longest that <see cref="IHostGrain.ReadEvents"/> waits: shorter than any timeout of a call.</summary>
    public static TimeSpan LongestRead { get; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// The events after this sequence number, of a list without gaps whose oldest event is first. The sequence starts anew with each run of
    /// the service: a number that is ahead is one of an earlier run, and all events are after it.
    /// </summary>
    public static IEnumerable<HostEvent> After(IReadOnlyCollection<HostEvent> events, long sequence)
    {
        var last = events.LastOrDefault()?.Sequence ?? 0;
        return sequence > last ? events : events.Skip(events.Count - (int)Math.Min(events.Count, last - sequence));
    }
}
