namespace HostService.Grains.Host;

/// <summary>
/// Allocates leases. A lease is given all or nothing, belongs to one mandelbox, and is released once (B10–B14). Not thread-safe: used on
/// the turns of
/// <see cref="HostGrain"/>.
/// </summary>
public sealed class LeaseAllocator(TtyPool ttys, PortPool tcpPorts, PortPool udpPorts, GpuPool gpus, SandboxPool sandboxes)
{
    private readonly Dictionary<string, Lease> _leases = [];
    private readonly HashSet<string> _held = [];

    /// <summary>By the mandelbox that adopts: the lease as it was, until the mandelbox that waited releases it.</summary>
    private readonly Dictionary<string, Lease> _handedOver = [];

    /// <summary>By the mandelbox that has adopted another one: who the pools take for the owner.</summary>
    private readonly Dictionary<string, string> _owners = [];

    public IReadOnlyCollection<Lease> Leases => _leases.Values;

    /// <summary>Leases that were handed over, as those that waited had them and have not released them.</summary>
    public IReadOnlyCollection<Lease> HandedOver => _handedOver.Values;

    public PoolFigures Ttys => new(TtyPool.Capacity, ttys.Used);

    public PoolFigures TcpPorts => new(tcpPorts.Capacity, tcpPorts.Used);

    public PoolFigures UdpPorts => new(udpPorts.Capacity, udpPorts.Used);

    public GpuPool Gpus => gpus;

    public SandboxPool Sandboxes => sandboxes;

    /// <summary>Gives a lease, or the one that this mandelbox already holds.</summary>
    public LeaseAnswer Acquire(LeaseRequest request)
    {
        var owner = request.MandelboxId;
        if (_leases.TryGetValue(owner, out var held))
        {
            return LeaseAnswer.Granted(held);
        }

        if (request.RequestedPorts is { } requested && FaultOf(requested) is { } fault)
        {
            return LeaseAnswer.Refused(fault);
        }

        if (!ttys.TryAcquire(owner, out var tty))
        {
            return LeaseAnswer.Full(ExplainFull());
        }

        if (!gpus.TryPlace(owner, out var gpuIndex, out var refusal))
        {
            ttys.Release(owner, tty);
            return LeaseAnswer.Full(refusal);
        }

        if (request.RequestedPorts is not { Count: > 0 } && sandboxes.TryTake(out var sandbox))
        {
            return Enter(new Lease(request.LeaseId, owner, tty, gpuIndex, sandbox.Ports, sandbox.Name));
        }

        var ports = new List<PortBinding>();

        // The named ones first: a random draw must not take a port that this request names.
        foreach (var (port, transport) in MandelboxPorts.All.OrderBy(p => Requested(request, p.Port, p.Transport) is null))
        {
            var requestedPort = Requested(request, port, transport);
            ushort hostPort = requestedPort ?? 0;
            var refused = requestedPort is { } named
                ? Pool(transport).TryAcquireRequested(owner, named)
                : Pool(transport).TryAcquire(owner, out hostPort);
            if (refused != PortRefusal.None)
            {
                ReleasePorts(owner, ports);
                gpus.Release(owner);
                ttys.Release(owner, tty);
                return refused == PortRefusal.Exhausted
                    ? LeaseAnswer.Full(Explain(refused, hostPort, transport))
                    : LeaseAnswer.Refused(Explain(refused, hostPort, transport));
            }

            ports.Add(new PortBinding(port, transport, hostPort));
        }

        var inOrder = MandelboxPorts.All.Select(p => ports.First(b => b.MandelboxPort == p.Port && b.Transport == p.Transport)).ToList();
        return Enter(new Lease(request.LeaseId, owner, tty, gpuIndex, inOrder));
    }

    /// <summary>Why there is no lease, where no TTY or no slot is free.</summary>
    public string ExplainFull() => Ttys.Free == 0
        ? $"no TTY is free: all {TtyPool.Capacity} are in use; try again when a mandelbox has ended"
        : gpus.ExplainFull();

    /// <summary>Passes the lease of a mandelbox that waits on to the one that adopts it; null when it has none.</summary>
    public Lease? HandOver(string waiting, LeaseRequest request)
    {
        if (!_leases.Remove(waiting, out var lease))
        {
            return null;
        }

        _handedOver[request.MandelboxId] = lease;
        _owners[request.MandelboxId] = waiting;
        return _leases[request.MandelboxId] = lease with { Id = request.LeaseId, MandelboxId = request.MandelboxId };
    }

    /// <summary>Gives a TTY and a GPU slot to a container that already publishes these host ports (B29).</summary>
    public LeaseAnswer Adopt(Guid leaseId, string owner, IReadOnlyList<PortBinding> ports)
    {
        if (_leases.TryGetValue(owner, out var held))
        {
            return LeaseAnswer.Granted(held);
        }

        if (!ttys.TryAcquire(owner, out var tty))
        {
            return LeaseAnswer.Refused($"no TTY is free: all {TtyPool.Capacity} are in use");
        }

        if (!gpus.TryPlace(owner, out var gpuIndex, out var refusal))
        {
            ttys.Release(owner, tty);
            return LeaseAnswer.Refused(refusal);
        }

        return AdoptPorts(new Lease(leaseId, owner, tty, gpuIndex, ports));
    }

    /// <summary>Keeps exactly these leases of containers of earlier runs. Returns why some cannot be kept.</summary>
    public IReadOnlyList<string> Hold(IReadOnlyList<Lease> leases)
    {
        foreach (var gone in _held.Where(owner => leases.All(l => l.MandelboxId != owner)).ToList())
        {
            _held.Remove(gone);
            Release(gone, _leases[gone].Id);
        }

        var refusals = new List<string>();
        foreach (var lease in leases)
        {
            if (Restore(lease).Refusal is { } refusal)
            {
                refusals.Add(refusal);
            }
            else
            {
                _held.Add(lease.MandelboxId);
            }
        }

        return refusals;
    }

    /// <summary>Enters a lease as read from a container's labels. Refused where it contradicts another lease.</summary>
    public LeaseAnswer Restore(Lease lease)
    {
        if (_leases.TryGetValue(lease.MandelboxId, out var held))
        {
            return held.Id == lease.Id
                ? LeaseAnswer.Granted(held)
                : LeaseAnswer.Refused($"mandelbox {lease.MandelboxId} has another lease already");
        }

        if (!ttys.TryAcquire(lease.MandelboxId, lease.Tty))
        {
            return LeaseAnswer.Refused($"TTY {lease.Tty} of mandelbox {lease.MandelboxId} is in use, or not of this pool");
        }

        if (!gpus.Restore(lease.MandelboxId, lease.GpuIndex))
        {
            ttys.Release(lease.MandelboxId, lease.Tty);
            return LeaseAnswer.Refused($"GPU {lease.GpuIndex} of mandelbox {lease.MandelboxId} has no slot for it");
        }

        return AdoptPorts(lease);
    }

    /// <summary>
    /// Releases a lease; false, without effect, when <paramref name="owner"/> does not hold it. One that was handed over is free when both
    /// have released it: the container of the one that waited may still use it.
    /// </summary>
    public bool Release(string owner, Guid leaseId)
    {
        if (!_leases.TryGetValue(owner, out var lease) || lease.Id != leaseId)
        {
            var adopter = _handedOver.FirstOrDefault(pair => pair.Value.MandelboxId == owner && pair.Value.Id == leaseId).Key;
            return adopter is not null && _handedOver.Remove(adopter);
        }

        _leases.Remove(owner);
        _owners.Remove(owner, out var inPools);
        if (_handedOver.Remove(owner, out var before))
        {
            _leases[before.MandelboxId] = before;
            return true;
        }

        owner = inPools ?? owner;
        if (lease.Sandbox is { } sandbox)
        {
            sandboxes.Return(sandbox);
        }
        else
        {
            ReleasePorts(owner, lease.Ports);
        }

        gpus.Release(owner);
        ttys.Release(owner, lease.Tty);
        return true;
    }

    /// <summary>The mandelbox that holds this host port, or null.</summary>
    public string? FindByHostPort(int hostPort, Transport transport) =>
        _leases.Values
            .Where(l => !_held.Contains(l.MandelboxId))
            .FirstOrDefault(l => l.Ports.Any(p => p.HostPort == hostPort && p.Transport == transport))?.MandelboxId;

    public Lease? Find(string owner) => _leases.GetValueOrDefault(owner);

    /// <summary>The mandelbox whose lease has this sandbox, or null.</summary>
    public string? FindBySandbox(string sandbox) =>
        _leases.Values.FirstOrDefault(l => l.Sandbox == sandbox && !_held.Contains(l.MandelboxId))?.MandelboxId;

    private LeaseAnswer AdoptPorts(Lease lease)
    {
        if (lease.Sandbox is { } sandbox)
        {
            if (sandboxes.TryRestore(sandbox, lease.Ports))
            {
                return Enter(lease);
            }

            gpus.Release(lease.MandelboxId);
            ttys.Release(lease.MandelboxId, lease.Tty);
            return LeaseAnswer.Refused($"the ports of sandbox {sandbox} of mandelbox {lease.MandelboxId} are in use");
        }

        var adopted = new List<PortBinding>();
        foreach (var port in lease.Ports)
        {
            if (!Pool(port.Transport).TryAdopt(lease.MandelboxId, port.HostPort))
            {
                ReleasePorts(lease.MandelboxId, adopted);
                gpus.Release(lease.MandelboxId);
                ttys.Release(lease.MandelboxId, lease.Tty);
                return LeaseAnswer.Refused(Explain(PortRefusal.Taken, port.HostPort, port.Transport));
            }

            adopted.Add(port);
        }

        return Enter(lease);
    }

    private LeaseAnswer Enter(Lease lease)
    {
        _leases.Add(lease.MandelboxId, lease);
        return LeaseAnswer.Granted(lease);
    }

    private void ReleasePorts(string owner, IReadOnlyList<PortBinding> ports)
    {
        foreach (var port in ports)
        {
            Pool(port.Transport).Release(owner, port.HostPort);
        }
    }

    private PortPool Pool(Transport transport) => transport == Transport.Udp ? udpPorts : tcpPorts;

    private static ushort? Requested(LeaseRequest request, ushort port, Transport transport) =>
        request.RequestedPorts?.FirstOrDefault(p => p.MandelboxPort == port && p.Transport == transport)?.HostPort;

    private static string? FaultOf(IReadOnlyList<PortBinding> requested)
    {
        foreach (var port in requested)
        {
            if (!Enum.IsDefined(port.Transport))
            {
                return $"transport {(int)port.Transport} is neither tcp nor udp";
            }

            if (!MandelboxPorts.All.Contains((port.MandelboxPort, port.Transport)))
            {
                return $"a mandelbox has no port {port.MandelboxPort}/{Name(port.Transport)}: it has 32262/tcp, 32263/udp and 32273/tcp";
            }
        }

        return requested.GroupBy(p => (p.MandelboxPort, p.Transport)).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? $"port {twice.Key.MandelboxPort}/{Name(twice.Key.Transport)} is asked for twice"
            : null;
    }

    private static string Explain(PortRefusal refusal, int port, Transport transport) => refusal switch
    {
        PortRefusal.OutOfRange => $"host port {port}/{Name(transport)} is outside [{PortPool.First}, {PortPool.End})",
        PortRefusal.Reserved => $"host port {port}/{Name(transport)} is reserved for the host",
        PortRefusal.Taken => $"host port {port}/{Name(transport)} is taken by another mandelbox",
        PortRefusal.InUse => $"host port {port}/{Name(transport)} is in use by another program on this machine",
        _ => $"no {Name(transport)} host port is free",
    };

    private static string Name(Transport transport) => transport == Transport.Udp ? "udp" : "tcp";
}
