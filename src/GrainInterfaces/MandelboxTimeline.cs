namespace HostService.GrainInterfaces;

/// <summary>A mandelbox with the steps of its life so far, or to its end.</summary>
/// <param name="Mandelbox">As it is, or was at the end.</param>
/// <param name="Steps">In the order in which they began. Of very many, some in the middle are left out.</param>
[GenerateSerializer, Immutable]
public sealed record MandelboxTimeline(
    [property: Id(0)] MandelboxDescription Mandelbox,
    [property: Id(1)] IReadOnlyList<TimelineStep> Steps);

/// <summary>One step of a spin-up, or its undo.</summary>
/// <param name="Name">For example <c>lease</c> or <c>create</c>.</param>
/// <param name="Undo">Whether it is the undo of the step.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Milliseconds">How long it took; null while it runs.</param>
/// <param name="Failure">Why it failed; null where it did not.</param>
[GenerateSerializer, Immutable]
public readonly record struct TimelineStep(
    [property: Id(0)] string Name,
    [property: Id(1)] bool Undo,
    [property: Id(2)] DateTimeOffset StartedAt,
    [property: Id(3)] float? Milliseconds = null,
    [property: Id(4)] string? Failure = null);
