namespace HostService.Grains.Host;

/// <summary>Why a port could not be given.</summary>
public enum PortRefusal
{
    /// <summary>It was given.</summary>
    None,

    /// <summary>Outside [1025, 49151).</summary>
    OutOfRange,

    /// <summary>Kept for the host itself.</summary>
    Reserved,

    /// <summary>Another mandelbox has it.</summary>
    Taken,

    /// <summary>A program on this machine is bound to it.</summary>
    InUse,

    /// <summary>No port is left.</summary>
    Exhausted,
}

/// <summary>
/// Host ports [1025, 49151) of one transport (B10): below are the system's, above the kernel's for outgoing connections. A free list from which one is
/// drawn at random, so that a port does not come back soon and cannot be foreseen.
/// </summary>
public sealed class PortPool
{
    /// <summary>First port that is given out.</summary>
    public const int First = 1025;

    /// <summary>One past the last.</summary>
    public const int End = 49151;

    private readonly ushort[] _free;
    private readonly Dictionary<ushort, int> _positions;
    private readonly Dictionary<ushort, string> _owners = [];
    private readonly HashSet<ushort> _reserved;
    private readonly Func<ushort, bool> _isFreeOnMachine;
    private readonly Random _random;
    private int _freeCount;

    /// <param name="reserved">Never given out.</param>
    /// <param name="isFreeOnMachine">Whether no other program is bound to a port; asked right before it is given.</param>
    /// <param name="random">Where the choice comes from.</param>
    public PortPool(IEnumerable<ushort> reserved, Func<ushort, bool> isFreeOnMachine, Random random)
    {
        _reserved = [.. reserved];
        _isFreeOnMachine = isFreeOnMachine;
        _random = random;
        _free = [.. Enumerable.Range(First, End - First).Select(p => (ushort)p).Where(p => !_reserved.Contains(p))];
        _freeCount = _free.Length;
        _positions = new Dictionary<ushort, int>(_free.Length);
        for (var i = 0; i < _free.Length; i++)
        {
            _positions.Add(_free[i], i);
        }
    }

    /// <summary>Ports that may be given out at all.</summary>
    public int Capacity => _free.Length;

    /// <summary>Ports that are given out.</summary>
    public int Used => _owners.Count;

    /// <summary>Draws one at random.</summary>
    public PortRefusal TryTake(string owner, out ushort port)
    {
        // Ports that turn out to be bound by others move behind the candidates, so that each is asked about at most once.
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

    /// <summary>Gives this very port.</summary>
    public PortRefusal TryTakeRequested(string owner, ushort port)
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

    /// <summary>
    /// Notes a port that a running container is bound to already, wherever it lies: the engine gave it, not this pool. False when another mandelbox has it.
    /// </summary>
    public bool TryAdopt(string owner, ushort port)
    {
        if (_owners.TryGetValue(port, out var holder))
        {
            return holder == owner;
        }

        Assign(owner, port);
        return true;
    }

    /// <summary>Takes it back from its owner; from anybody else, or twice, changes nothing and is false.</summary>
    public bool GiveBack(string owner, ushort port)
    {
        if (!_owners.TryGetValue(port, out var holder) || holder != owner)
        {
            return false;
        }

        _owners.Remove(port);
        if (_positions.TryGetValue(port, out var position))
        {
            Swap(position, _freeCount);
            _freeCount++;
        }

        return true;
    }

    private void Assign(string owner, ushort port)
    {
        _owners.Add(port, owner);
        if (_positions.TryGetValue(port, out var position))
        {
            _freeCount--;
            Swap(position, _freeCount);
        }
    }

    private void Swap(int a, int b)
    {
        (_free[a], _free[b]) = (_free[b], _free[a]);
        _positions[_free[a]] = a;
        _positions[_free[b]] = b;
    }
}
