namespace HostService.Grains.Host;

/// <summary>TTYs [10, 64): the first ten are the system's (B11). The one that was free longest is given first.</summary>
public sealed class TtyPool
{
    /// <summary>First TTY that is given out.</summary>
    public const int First = 10;

    /// <summary>One past the last.</summary>
    public const int End = 64;

    private readonly Queue<int> _free = new(Enumerable.Range(First, End - First));
    private readonly Dictionary<int, string> _owners = [];

    /// <summary>54.</summary>
    public static int Capacity => End - First;

    /// <summary>TTYs that are given out.</summary>
    public int Used => _owners.Count;

    /// <summary>Gives one; false when none is left.</summary>
    public bool TryTake(string owner, out int tty)
    {
        if (!_free.TryDequeue(out tty))
        {
            return false;
        }

        _owners.Add(tty, owner);
        return true;
    }

    /// <summary>Gives this very one, as a crashed run had it; false when somebody has it or there is no such TTY.</summary>
    public bool TryTake(string owner, int tty)
    {
        if (tty is < First or >= End || !_owners.TryAdd(tty, owner))
        {
            return false;
        }

        var others = _free.Where(t => t != tty).ToList();
        _free.Clear();
        others.ForEach(_free.Enqueue);
        return true;
    }

    /// <summary>Takes it back from its owner; from anybody else, or twice, changes nothing and is false.</summary>
    public bool GiveBack(string owner, int tty)
    {
        if (!_owners.TryGetValue(tty, out var holder) || holder != owner)
        {
            return false;
        }

        _owners.Remove(tty);
        _free.Enqueue(tty);
        return true;
    }
}
