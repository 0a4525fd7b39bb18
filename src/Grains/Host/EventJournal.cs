namespace HostService.Grains.Host;

/// <summary>What happened on the host lately: the last <see cref="HostEvents.Kept"/> events. Not thread-safe.</summary>
public sealed class EventJournal(TimeProvider timeProvider)
{
    private readonly Queue<HostEvent> _events = new();
    private TaskCompletionSource? _added;
    private long _last;

    private Task Added => (_added ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Add(
        HostEventKind kind,
        EventSeverity severity,
        string text,
        string? mandelboxId = null,
        MandelboxState? state = null,
        EndCause? cause = null)
    {
        if (_events.Count == HostEvents.Kept)
        {
            _events.Dequeue();
        }

        _events.Enqueue(new HostEvent
        {
            Sequence = ++_last,
            At = timeProvider.GetUtcNow(),
            Severity = severity,
            Kind = kind,
            MandelboxId = mandelboxId,
            Text = text,
            State = state,
            Cause = cause,
        });
        _added?.TrySetResult();
        _added = null;
    }

    /// <summary>The first ones after a sequence number (<see cref="HostEvents.After"/>), the oldest first.</summary>
    public IReadOnlyList<HostEvent> After(long sequence, int limit) => HostEvents.After(_events, sequence).Take(limit).ToArray();

    /// <summary>As <see cref="After"/>, but waits where there are none: <see cref="HostEvents.LongestRead"/> at most.</summary>
    public async Task<IReadOnlyList<HostEvent>> ReadAsync(long sequence, int limit, CancellationToken cancellationToken)
    {
        if (After(sequence, limit) is { Count: > 0 } found)
        {
            return found;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(Added, Task.Delay(HostEvents.LongestRead, timeProvider, over.Token));
        cancellationToken.ThrowIfCancellationRequested();
        await over.CancelAsync();
        return After(sequence, limit);
    }

    /// <summary>The last ones, of one mandelbox or of all, the oldest first.</summary>
    public IReadOnlyList<HostEvent> Last(int limit, string? mandelboxId = null) =>
        _events.Where(e => mandelboxId is null || e.MandelboxId == mandelboxId).TakeLast(limit).ToArray();
}
