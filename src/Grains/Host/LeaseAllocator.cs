using HostService.GrainInterfaces;

namespace HostService.Grains.Host;

/// <summary>
/// Who holds what on this host. A lease is given as a whole or not at all, is bound to one mandelbox, and is given back once, however often
/// that is asked for (B10–B14). Not thread-safe: it lives on the turns of <see cref="HostGrain"/>.
/// </summary>
public sealed class LeaseAllocator(TtyPool ttys, PortPool tcpPorts, PortPool udpPorts, GpuPool gpus)
{
    private readonly Dictionary<string, Lease> _leases = [];

    public IReadOnlyCollection<Lease> Leases => _leases.Values;

    public PoolFigures Ttys => new(TtyPool.Capacity, ttys.Used);

    public PoolFigures TcpPorts => new(tcpPorts.Capacity, tcpPorts.Used);

    public PoolFigures UdpPorts => new(udpPorts.Capacity, udpPorts.Used);

    public GpuPool Gpus => gpus;

    /// <summary>Takes a lease, or gives the one that this mandelbox has already.</summary>
    public LeaseAnswer Take(LeaseRequest request)
    {
        var owner = request.MandelboxId;
        if (_leases.TryGetValue(owner, out var held))
        {
            return LeaseAnswer.Granted(held);
        }

        if (request.RequestedPorts is { } requested && Fault(requested) is { } fault)
        {
            return LeaseAnswer.Refused(fault);
        }

        if (!ttys.TryTake(owner, out var tty))
        {
            return LeaseAnswer.Refused($"no TTY is free: all {TtyPool.Capacity} are in use; try again when a mandelbox has ended");
        }

        if (!gpus.TryPlace(owner, out var gpuIndex, out var refusal))
        {
            ttys.GiveBack(owner, tty);
            return LeaseAnswer.Refused(refusal.Reason);
        }

        var ports = new List<PortBinding>();

        // The named ones first: a random draw must not take what this very request asks for by name.
        foreach (var (port, transport) in MandelboxPorts.All.OrderBy(p => Wanted(request, p.Port, p.Transport) is null))
        {
            var wanted = Wanted(request, port, transport);
            ushort hostPort = wanted ?? 0;
            var why = wanted is { } named ? Pool(transport).TryTakeRequested(owner, named) : Pool(transport).TryTake(owner, out hostPort);
            if (why != PortRefusal.None)
            {
                GiveBackPorts(owner, ports);
                gpus.Release(owner);
                ttys.GiveBack(owner, tty);
                return LeaseAnswer.Refused(Explain(why, hostPort, transport));
            }

            ports.Add(new PortBinding(port, transport, hostPort));
        }

        var inOrder = MandelboxPorts.All.Select(p => ports.First(b => b.MandelboxPort == p.Port && b.Transport == p.Transport)).ToList();
        return Enter(new Lease(Guid.NewGuid(), owner, tty, gpuIndex, inOrder));
    }

    /// <summary>
    /// A TTY and a GPU slot for a container that somebody else made and that is bound to these host ports already (B29).
    /// </summary>
    public LeaseAnswer Adopt(string owner, IReadOnlyList<PortBinding> ports)
    {
        if (_leases.TryGetValue(owner, out var held))
        {
            return LeaseAnswer.Granted(held);
        }

        if (!ttys.TryTake(owner, out var tty))
        {
            return LeaseAnswer.Refused($"no TTY is free: all {TtyPool.Capacity} are in use");
        }

        if (!gpus.TryPlace(owner, out var gpuIndex, out var refusal))
        {
            ttys.GiveBack(owner, tty);
            return LeaseAnswer.Refused(refusal.Reason);
        }

        return AdoptPorts(new Lease(Guid.NewGuid(), owner, tty, gpuIndex, ports));
    }

    /// <summary>Enters a lease as a running container's labels tell it (the ledger). Refused where it contradicts what is entered already.</summary>
    public LeaseAnswer Restore(Lease lease)
    {
        if (_leases.TryGetValue(lease.MandelboxId, out var held))
        {
            return held.Id == lease.Id
                ? LeaseAnswer.Granted(held)
                : LeaseAnswer.Refused($"mandelbox {lease.MandelboxId} has another lease already");
        }

        if (!ttys.TryTake(lease.MandelboxId, lease.Tty))
        {
            return LeaseAnswer.Refused($"TTY {lease.Tty} of mandelbox {lease.MandelboxId} is in use by another, or is none of ours");
        }

        if (!gpus.Restore(lease.MandelboxId, lease.GpuIndex))
        {
            ttys.GiveBack(lease.MandelboxId, lease.Tty);
            return LeaseAnswer.Refused($"GPU {lease.GpuIndex} of mandelbox {lease.MandelboxId} has no slot for it");
        }

        return AdoptPorts(lease);
    }

    /// <summary>Gives all of it back. A lease that has been given back, or whose owner has another by now, is left alone.</summary>
    public bool GiveBack(string owner, Guid leaseId)
    {
        if (!_leases.TryGetValue(owner, out var lease) || lease.Id != leaseId)
        {
            return false;
        }

        _leases.Remove(owner);
        GiveBackPorts(owner, lease.Ports);
        gpus.Release(owner);
        ttys.GiveBack(owner, lease.Tty);
        return true;
    }

    /// <summary>Who holds this host port.</summary>
    public string? FindByHostPort(int hostPort, Transport transport) =>
        _leases.Values.FirstOrDefault(l => l.Ports.Any(p => p.HostPort == hostPort && p.Transport == transport))?.MandelboxId;

    private LeaseAnswer AdoptPorts(Lease lease)
    {
        var adopted = new List<PortBinding>();
        foreach (var port in lease.Ports)
        {
            if (!Pool(port.Transport).TryAdopt(lease.MandelboxId, port.HostPort))
            {
                GiveBackPorts(lease.MandelboxId, adopted);
                gpus.Release(lease.MandelboxId);
                ttys.GiveBack(lease.MandelboxId, lease.Tty);
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

    private void GiveBackPorts(string owner, IReadOnlyList<PortBinding> ports)
    {
        foreach (var port in ports)
        {
            Pool(port.Transport).GiveBack(owner, port.HostPort);
        }
    }

    private PortPool Pool(Transport transport) => transport == Transport.Udp ? udpPorts : tcpPorts;

    private static ushort? Wanted(LeaseRequest request, ushort port, Transport transport) =>
        request.RequestedPorts?.FirstOrDefault(p => p.MandelboxPort == port && p.Transport == transport)?.HostPort;

    private static string? Fault(IReadOnlyList<PortBinding> requested)
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

    private static string Explain(PortRefusal why, int port, Transport transport) => why switch
    {
        PortRefusal.OutOfRange => $"host port {port}/{Name(transport)} is outside [{PortPool.First}, {PortPool.End})",
        PortRefusal.Reserved => $"host port {port}/{Name(transport)} is reserved for the host",
        PortRefusal.Taken => $"host port {port}/{Name(transport)} is taken by another mandelbox",
        PortRefusal.InUse => $"host port {port}/{Name(transport)} is in use by another program on this machine",
        _ => $"no {Name(transport)} host port is free",
    };

    private static string Name(Transport transport) => transport == Transport.Udp ? "udp" : "tcp";
}
