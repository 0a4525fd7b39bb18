using System.Diagnostics.CodeAnalysis;

namespace HostService.Grains.Host;

/// <summary>
/// Network sandboxes and their ports. A sandbox has its ports from before its container starts until after it is removed, whoever uses it
/// meanwhile. Not thread-safe.
/// </summary>
/// <param name="size">How many are to be ready, or being started; 0 for none.</param>
public sealed class SandboxPool(PortPool tcpPorts, PortPool udpPorts, int size)
{
    private const string NamePrefix = "host-service-sandbox-";

    private readonly Dictionary<string, NetworkSandbox> _sandboxes = new(StringComparer.Ordinal);
    private readonly Queue<string> _ready = new();

    public IReadOnlyCollection<NetworkSandbox> Sandboxes => _sandboxes.Values;

    /// <summary>How many are to be ready, and how many of these are not; null without a pool.</summary>
    public PoolFigures? Figures => size == 0
        ? null
        : new PoolFigures(size, size - Math.Min(size, _sandboxes.Values.Count(sandbox => sandbox.State == SandboxState.Ready)));

    /// <summary>A further sandbox with its ports, or null when no more are wanted or no port is free.</summary>
    public NetworkSandbox? Begin()
    {
        if (_sandboxes.Values.Count(sandbox => sandbox.State is SandboxState.Starting or SandboxState.Ready) >= size)
        {
            return null;
        }

        var name = $"{NamePrefix}{Guid.NewGuid():N}";
        var ports = new List<PortBinding>();
        foreach (var (port, transport) in MandelboxPorts.All)
        {
            if (Ports(transport).TryAcquire(name, out var hostPort) != PortRefusal.None)
            {
                Release(name, ports);
                return null;
            }

            ports.Add(new PortBinding(port, transport, hostPort));
        }

        return _sandboxes[name] = new NetworkSandbox(name, SandboxState.Starting, ports);
    }

    /// <summary>False, without effect, for one that is not being started.</summary>
    public bool SetReady(string name)
    {
        if (!_sandboxes.TryGetValue(name, out var sandbox) || sandbox.State != SandboxState.Starting)
        {
            return false;
        }

        _sandboxes[name] = sandbox with { State = SandboxState.Ready };
        _ready.Enqueue(name);
        return true;
    }

    /// <summary>Gives the one that has been ready for longest.</summary>
    public bool TryTake([NotNullWhen(true)] out NetworkSandbox? sandbox)
    {
        while (_ready.TryDequeue(out var name))
        {
            if (_sandboxes.TryGetValue(name, out var found) && found.State == SandboxState.Ready)
            {
                sandbox = _sandboxes[name] = found with { State = SandboxState.Used };
                return true;
            }
        }

        sandbox = null;
        return false;
    }

    /// <summary>Enters one that a mandelbox of an earlier run uses. False when other owners hold its ports.</summary>
    public bool TryRestore(string name, IReadOnlyList<PortBinding> ports)
    {
        if (_sandboxes.ContainsKey(name))
        {
            return false;
        }

        var adopted = new List<PortBinding>();
        foreach (var port in ports)
        {
            if (!Ports(port.Transport).TryAdopt(name, port.HostPort))
            {
                Release(name, adopted);
                return false;
            }

            adopted.Add(port);
        }

        _sandboxes[name] = new NetworkSandbox(name, SandboxState.Used, ports);
        return true;
    }

    /// <summary>No mandelbox gets it any more. One that is used stays so until <see cref="Return"/>.</summary>
    public void SetEnded(string name)
    {
        if (_sandboxes.TryGetValue(name, out var sandbox) && sandbox.State is SandboxState.Starting or SandboxState.Ready)
        {
            _sandboxes[name] = sandbox with { State = SandboxState.Ended };
        }
    }

    /// <summary>The lease that used it is released.</summary>
    public void Return(string name)
    {
        if (_sandboxes.TryGetValue(name, out var sandbox))
        {
            _sandboxes[name] = sandbox with { State = SandboxState.Spent };
        }
    }

    /// <summary>Its container is removed. Only one that is spent or has ended is forgotten.</summary>
    public void Forget(string name)
    {
        if (_sandboxes.TryGetValue(name, out var sandbox) && sandbox.State is SandboxState.Spent or SandboxState.Ended)
        {
            _sandboxes.Remove(name);
            Release(name, sandbox.Ports);
        }
    }

    private void Release(string name, IReadOnlyList<PortBinding> ports)
    {
        foreach (var port in ports)
        {
            Ports(port.Transport).Release(name, port.HostPort);
        }
    }

    private PortPool Ports(Transport transport) => transport == Transport.Udp ? udpPorts : tcpPorts;
}
