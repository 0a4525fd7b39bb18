namespace HostService.GrainInterfaces;

/// <summary>A mandelbox's life, while it lives and after it.</summary>
/// <param name="Mandelbox">As it is, or was at the end.</param>
/// <param name="Steps">Of its spin-up and its end so far.</param>
/// <param name="Events">As far as they are kept, the oldest first.</param>
[GenerateSerializer, Immutable]
public sealed record MandelboxDiagnostics(
    [property: Id(0)] MandelboxDescription Mandelbox,
    [property: Id(1)] IReadOnlyList<TimelineStep> Steps,
    [property: Id(2)] IReadOnlyList<HostEvent> Events)
{
    /// <param name="events">Of all mandelboxes that had this id: those of earlier ones are left out.</param>
    public static MandelboxDiagnostics Of(MandelboxTimeline timeline, IReadOnlyList<HostEvent> events)
    {
        var hasGone = timeline.Mandelbox.State == MandelboxState.Gone;
        var ends = events.Index().Where(e => e.Item.State == MandelboxState.Gone).Select(e => e.Index).ToList();
        return new MandelboxDiagnostics(
            timeline.Mandelbox,
            timeline.Steps,
            ends.SkipLast(hasGone ? 1 : 0).ToList() is [.., var last] ? events.Skip(last + 1).ToArray() : events);
    }
}
