namespace HostService.Grains.Host;

/// <summary>TTYs [10, 64): the first ten are the system's (B11). The one that was free longest is given first.</summary>
public sealed class TtyPool
{
    public const int First = 10;

    /// <summary>One past the last.</summary>
    public const int End = 64;

    private readonly Queue<int> _free = new(Enumerable.Range(First, End - First));
    private readonly Dictionary<int, string> _owners = [];

    public static int Capacity => End - First;

    public int Used => _owners.Count;

    /// <summary>Gives a TTY; false when none is free.</summary>
    public bool TryAcquire(string owner, out int tty)
    {
        if (!_free.TryDequeue(out tty))
        {
            return false;
        }

        _owners.Add(tty, owner);
        return true;
    }

    /// <summary>Gives this TTY, which a container of an earlier run holds; false when it is in use or not of this pool.</summary>
    public bool TryAcquire(string owner, int tty)
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

    /// <summary>Releases a TTY; false, without effect, when <paramref name="owner"/> does not hold it.</summary>
    public bool Release(string owner, int tty)
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
