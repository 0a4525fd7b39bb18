namespace HostService.Infrastructure.Backend.Outbox;

/// <summary>
/// The pending writes, at most one for each row, in the order in which they were put. A newer status replaces an older one. A removal
/// stays, whatever status follows; only a removal without a limit replaces one with a limit.
/// </summary>
internal sealed class OutboxQueue
{
    private readonly Lock _gate = new();
    private readonly Dictionary<RowKey, Entry> _entries = [];
    private long _next;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>All pending writes, oldest first.</summary>
    public IReadOnlyList<RowWrite> Pending
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries.Values.OrderBy(e => e.Number).Select(e => e.Write)];
            }
        }
    }

    public void Put(RowWrite write)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(write.Row, out var old) && old.Write.Removes && (!write.Removes || old.Write.OnlyIf is null))
            {
                return;
            }

            _entries[write.Row] = new Entry(_next++, write);
        }
    }

    /// <summary>The pending write of a row, or null.</summary>
    public RowWrite? Find(RowKey row)
    {
        lock (_gate)
        {
            return _entries.TryGetValue(row, out var entry) ? entry.Write : null;
        }
    }

    /// <summary>Removes a write that is in the database. A newer write of the same row, put meanwhile, stays pending.</summary>
    public void Complete(RowWrite write)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(write.Row, out var entry) && ReferenceEquals(entry.Write, write))
            {
                _entries.Remove(write.Row);
            }
        }
    }

    private readonly record struct Entry(long Number, RowWrite Write);
}
