using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Network;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Host;

/// <summary>
/// The authority on leases, identity and status. Its turns are synchronous and touch memory only (asking the kernel whether a port is bound is the one
/// exception, and takes microseconds), so that no mandelbox ever waits here for another.
/// </summary>
[KeepAlive]
public sealed partial class HostGrain(
    HostInfoSource facts, IPortProbe ports, IShutdownSignal shutdown, IEnumerable<IMandelboxWatcher> watchers, ILogger<HostGrain> logger) : Grain, IHostGrain
{
    private readonly Dictionary<string, MandelboxDescription> _mandelboxes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _registered = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _notReady = new(StringComparer.Ordinal);
    private LeaseAllocator _book = null!;
    private HostStatus _status = HostStatus.Starting;
    private MachineFigures? _figures;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var known = facts.Current;
        if (this.GetPrimaryKeyString() != HostKeys.Host(known.Identity.InstanceName))
        {
            // A second authority over the same TTYs and ports would give them out again.
            throw new InvalidOperationException(
                $"There is no host {this.GetPrimaryKeyString()} here: this one is {known.Identity.InstanceName}. A gateway in another process is told the name with Gateway__InstanceName.");
        }

        var gpus = new GpuPool(
            known.Gpus.Select(g => g.Index),
            known.MandelboxesPerGpu,
            known.Environment.IsLocal ? known.CpuOnlySlots : 0,
            known.MinimumFreeGpuMemoryKb);
        gpus.Update(known.Gpus);
        _book = new LeaseAllocator(
            new TtyPool(),
            new PortPool(known.ReservedTcpPorts, ports.IsTcpFree, Random.Shared),
            new PortPool(known.ReservedUdpPorts, ports.IsUdpFree, Random.Shared),
            gpus);
        return Task.CompletedTask;
    }

    public Task<LeaseAnswer> TakeLease(LeaseRequest request)
    {
        var answer = WhyClosed() is { } closed ? LeaseAnswer.Refused(closed) : _book.Take(request);
        if (answer.Refusal is { } why)
        {
            LogRefused(request.MandelboxId, why);
        }

        return Task.FromResult(answer);
    }

    public Task<LeaseAnswer> AdoptLease(string mandelboxId, IReadOnlyList<PortBinding> ports) =>
        Task.FromResult(WhyClosed() is { } closed ? LeaseAnswer.Refused(closed) : _book.Adopt(mandelboxId, ports));

    public Task<LeaseAnswer> RestoreLease(Lease lease) => Task.FromResult(_book.Restore(lease));

    public Task GiveBackLease(string mandelboxId, Guid leaseId)
    {
        if (!_book.GiveBack(mandelboxId, leaseId))
        {
            LogNotHeld(mandelboxId, leaseId);
        }

        return Task.CompletedTask;
    }

    public Task<string?> RegisterContainer(string containerId, string mandelboxId)
    {
        if (_registered.TryGetValue(containerId, out var other) && other != mandelboxId)
        {
            return Task.FromResult<string?>($"container {containerId} is registered for mandelbox {other}");
        }

        _registered[containerId] = mandelboxId;
        return Task.FromResult<string?>(null);
    }

    public Task<string?> FindByContainer(string containerId) => Task.FromResult(_registered.GetValueOrDefault(containerId));

    public Task Report(MandelboxDescription mandelbox)
    {
        if (mandelbox.State == MandelboxState.Gone)
        {
            _mandelboxes.Remove(mandelbox.MandelboxId);
            foreach (var container in _registered.Where(r => r.Value == mandelbox.MandelboxId).Select(r => r.Key).ToList())
            {
                _registered.Remove(container);
            }
        }
        else
        {
            _mandelboxes[mandelbox.MandelboxId] = mandelbox;
        }

        foreach (var watcher in watchers)
        {
            watcher.Moved(mandelbox);
        }

        return Task.CompletedTask;
    }

    // An array, not a collection expression: what crosses a grain call must be of a type that has a copier.
    public Task<IReadOnlyList<MandelboxDescription>> ListMandelboxes() =>
        Task.FromResult<IReadOnlyList<MandelboxDescription>>(
            _mandelboxes.Values.OrderBy(m => m.CreatedAt).ThenBy(m => m.MandelboxId, StringComparer.Ordinal).ToArray());

    public Task<string?> FindByHostPort(int hostPort, Transport transport) => Task.FromResult(_book.FindByHostPort(hostPort, transport));

    public Task<HostDescription> Describe()
    {
        var known = facts.Current;
        return Task.FromResult(new HostDescription
        {
            Identity = known.Identity,
            Status = _status,
            Environment = known.Environment.Name,
            Version = known.Version,
            StartedAt = known.StartedAt,
            Ttys = _book.Ttys,
            TcpPorts = _book.TcpPorts,
            UdpPorts = _book.UdpPorts,
            Slots = _book.Gpus.Figures,
            Mandelboxes = _mandelboxes.Count,
            Gpus = _book.Gpus.Describe(),
            Metrics = _figures,
            NotReady = [.. _notReady.Values],
            Leaks = _book.Leases.Count(l => !_mandelboxes.ContainsKey(l.MandelboxId)),
        });
    }

    public Task SetStatus(HostStatus status)
    {
        if (status > _status)
        {
            LogStatus(_status, status);
            _status = status;
        }

        return Task.CompletedTask;
    }

    public Task RequestShutdown(string reason)
    {
        shutdown.Request(reason);
        return Task.CompletedTask;
    }

    public Task SetNotReady(string cause, string? why)
    {
        if (why is null)
        {
            _notReady.Remove(cause);
        }
        else
        {
            _notReady[cause] = why;
        }

        return Task.CompletedTask;
    }

    public Task ReportMetrics(MachineFigures figures)
    {
        _figures = figures;
        return Task.CompletedTask;
    }

    public Task ReportGpus(IReadOnlyList<GpuDescription> gpus)
    {
        _book.Gpus.Update(gpus);
        return Task.CompletedTask;
    }

    private string? WhyClosed() => _status switch
    {
        HostStatus.Starting => "this host is not ready yet",
        HostStatus.Draining when facts.Current.Environment.IsLocal => "this host is shutting down",
        HostStatus.Closed => "this host is shutting down",
        _ => null,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} gets no lease: {Why}")]
    private partial void LogRefused(string mandelboxId, string why);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Mandelbox {MandelboxId} gave back lease {LeaseId}, which it does not hold")]
    private partial void LogNotHeld(string mandelboxId, Guid leaseId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Host: {From} -> {To}")]
    private partial void LogStatus(HostStatus from, HostStatus to);
}
