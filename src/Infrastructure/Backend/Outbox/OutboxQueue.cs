namespace HostService.Infrastructure.Backend.Outbox;

/// <summary>Which row a write goes to.</summary>
internal readonly record struct RowKey(RowKind Kind, string Id)
{
    public override string ToString() => Kind == RowKind.Mandelbox ? $"mandelbox {Id}" : $"instance {Id}";
}

internal enum RowKind
{
    Instance,
    Mandelbox,
}

/// <param name="Status">The new status, or null: the row is to go.</param>
/// <param name="OnlyIf">A removal that is limited to what this claim may have left behind; null for one that is not.</param>
internal sealed record RowWrite(RowKey Row, string? Status, Claim? OnlyIf = null)
{
    public bool Removes => Status is null;

    public string What => Status ?? "the removal";

    public override string ToString() => Removes ? $"removal of {Row}" : $"{Status} of {Row}";
}

/// <summary>Who claimed a mandelbox's row, for whom.</summary>
internal sealed record Claim(string InstanceName, string UserId);

/// <summary>
/// What is still to be written: one write a row, in the order in which they were put. A newer status takes the older one's place; a row that is to go stays
/// so, whatever status comes after; only a removal without a limit takes the place of one with a limit. Holds as many entries as the host had mandelboxes since the outage began.
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

    /// <summary>All that is pending, oldest first.</summary>
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

    /// <summary>It is in the database. A newer write of the same row, put meanwhile, stays pending.</summary>
    public void Written(RowWrite write)
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
