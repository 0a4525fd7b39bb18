namespace HostService.Infrastructure.Docker;

/// <summary>
/// Recognises events that come twice. After a reconnect the engine is asked for a little more than was missed, because concurrent events
/// need not arrive in the order of their times.
/// </summary>
internal sealed class EventDeduplicator(TimeSpan overlap)
{
    private readonly Queue<ContainerEvent> _order = new();
    private readonly HashSet<(DateTimeOffset, string, string)> _seen = [];
    private DateTimeOffset? _latest;

    /// <summary>Where to resume after a reconnect; null before the first event.</summary>
    public DateTimeOffset? ResumeFrom => _latest - overlap;

    internal int Remembered => _order.Count;

    /// <summary>True the first time for each event.</summary>
    public bool IsNew(ContainerEvent containerEvent)
    {
        if (containerEvent.At < ResumeFrom)
        {
            // No event comes this late: the clock was set back. What was remembered would stay until the clock is there again.
            _seen.Clear();
            _order.Clear();
            _latest = null;
        }

        if (!_seen.Add(Key(containerEvent)))
        {
            return false;
        }

        _order.Enqueue(containerEvent);
        _latest = _latest is { } latest && latest > containerEvent.At ? latest : containerEvent.At;
        while (_order.TryPeek(out var oldest) && oldest.At < ResumeFrom)
        {
            _seen.Remove(Key(_order.Dequeue()));
        }

        return true;
    }

    private static (DateTimeOffset, string, string) Key(ContainerEvent e) => (e.At, e.ContainerId, e.Action);
}
