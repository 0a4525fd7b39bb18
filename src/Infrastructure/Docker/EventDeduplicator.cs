namespace HostService.Infrastructure.Docker;

/// <summary>
/// Which events were passed on already. After a reconnect the engine is asked for a little more than what was missed, because events that
/// happen side by side need not arrive in the order of their times; what it then tells twice is told here apart.
/// </summary>
internal sealed class EventDeduplicator(TimeSpan overlap)
{
    private readonly Queue<ContainerEvent> _order = new();
    private readonly HashSet<(DateTimeOffset, string, string)> _seen = [];
    private DateTimeOffset? _latest;

    /// <summary>From when on to ask again; null before the first event.</summary>
    public DateTimeOffset? ResumeFrom => _latest - overlap;

    /// <summary>True once for each event.</summary>
    public bool IsNew(ContainerEvent happened)
    {
        if (!_seen.Add(Key(happened)))
        {
            return false;
        }

        _order.Enqueue(happened);
        _latest = _latest is { } latest && latest > happened.At ? latest : happened.At;
        while (_order.TryPeek(out var oldest) && oldest.At < ResumeFrom)
        {
            _seen.Remove(Key(_order.Dequeue()));
        }

        return true;
    }

    private static (DateTimeOffset, string, string) Key(ContainerEvent e) => (e.At, e.ContainerId, e.Action);
}
