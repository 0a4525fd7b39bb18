namespace HostService.Grains.Host;

public enum PortRefusal
{
    None,

    /// <summary>Outside [1025, 49151).</summary>
    OutOfRange,

    Reserved,

    /// <summary>Held by another mandelbox.</summary>
    Taken,

    /// <summary>Bound by another program of this machine.</summary>
    InUse,

    Exhausted,
}

/// <summary>
/// Host ports [1025, 49151) of one transport (B10). Ports are drawn at random from a free list, so that they cannot be predicted and are
/// not reused at once. The upper third overlaps the kernel's range for outgoing connections (by default 32768–60999): a drawn port may be
/// taken before the container binds it.
/// </summary>
public sealed class PortPool
{
    public const int First = 1025;

    /// <summary>One past the last.</summary>
    public const int End = 49151;

    private const ushort NotInPool = ushort.MaxValue;

    /// <summary>The free ports, then those that are held.</summary>
    private readonly ushort[] _free;

    /// <summary>By port: its place in <see cref="_free"/>. An array, because a dictionary of all ports takes a megabyte.</summary>
    private readonly ushort[] _positions = new ushort[ushort.MaxValue + 1];
    private readonly Dictionary<ushort, string> _owners = [];
    private readonly HashSet<ushort> _reserved;
    private readonly Func<ushort, bool> _isFreeOnMachine;
    private readonly Random _random;
    private int _freeCount;

    /// <param name="reserved">Ports that are never given.</param>
    /// <param name="isFreeOnMachine">Whether no other program has bound a port.</param>
    /// <param name="random">Draws the ports.</param>
    public PortPool(IEnumerable<ushort> reserved, Func<ushort, bool> isFreeOnMachine, Random random)
    {
        _reserved = [.. reserved];
        _isFreeOnMachine = isFreeOnMachine;
        _random = random;
        _free = [.. Enumerable.Range(First, End - First).Select(p => (ushort)p).Where(p => !_reserved.Contains(p))];
        _freeCount = _free.Length;
        Array.Fill(_positions, NotInPool);
        for (var i = 0; i < _free.Length; i++)
        {
            _positions[_free[i]] = (ushort)i;
        }
    }

    /// <summary>All ports but the reserved ones.</summary>
    public int Capacity => _free.Length;

    public int Used => _owners.Count;

    public PortRefusal TryAcquire(string owner, out ushort port)
    {
        // Ports that other programs have bound move behind the candidates: each is probed at most once.
        for (var candidates = _freeCount; candidates > 0; candidates--)
        {
            var drawn = _random.Next(candidates);
            port = _free[drawn];
            if (_isFreeOnMachine(port))
            {
                Assign(owner, port);
                return PortRefusal.None;
            }

            Swap(drawn, candidates - 1);
        }

        port = 0;
        return PortRefusal.Exhausted;
    }

    /// <summary>Gives the port that a request names.</summary>
    public PortRefusal TryAcquireRequested(string owner, ushort port)
    {
        if (port is < First or >= End)
        {
            return PortRefusal.OutOfRange;
        }

        if (_reserved.Contains(port))
        {
            return PortRefusal.Reserved;
        }

        if (_owners.ContainsKey(port))
        {
            return PortRefusal.Taken;
        }

        if (!_isFreeOnMachine(port))
        {
            return PortRefusal.InUse;
        }

        Assign(owner, port);
        return PortRefusal.None;
    }

    /// <summary>Enters a port that a running container already publishes, in any range. False when another mandelbox holds it.</summary>
    public bool TryAdopt(string owner, ushort port)
    {
        if (_owners.TryGetValue(port, out var holder))
        {
            return holder == owner;
        }

        Assign(owner, port);
        return true;
    }

    /// <summary>Releases a port; false, without effect, when <paramref name="owner"/> does not hold it.</summary>
    public bool Release(string owner, ushort port)
    {
        if (!_owners.TryGetValue(port, out var holder) || holder != owner)
        {
            return false;
        }

        _owners.Remove(port);
        if (_positions[port] is var position and not NotInPool)
        {
            Swap(position, _freeCount);
            _freeCount++;
        }

        return true;
    }

    private void Assign(string owner, ushort port)
    {
        _owners.Add(port, owner);
        if (_positions[port] is var position and not NotInPool)
        {
            _freeCount--;
            Swap(position, _freeCount);
        }
    }

    private void Swap(int a, int b)
    {
        (_free[a], _free[b]) = (_free[b], _free[a]);
        _positions[_free[a]] = (ushort)a;
        _positions[_free[b]] = (ushort)b;
    }
}
