using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Storage.Records;
using IHostApplicationLifetime = Microsoft.Extensions.Hosting.IHostApplicationLifetime;

namespace HostService.Grains.Host;

/// <summary>
/// The authority on leases, identity and status. Its turns are synchronous and touch memory only, so that no mandelbox waits here for
/// another. The two exceptions take microseconds: whether a port is bound, and a line in a file that is in memory.
/// </summary>
[KeepAlive]
public sealed partial class HostGrain(
    HostInfoSource hostInfo,
    IPortProbe ports,
    IShutdownSignal shutdown,
    IShutdownControl shutdownControl,
    IEnumerable<IMandelboxWatcher> watchers,
    IOptions<WarmUpOptions> warmUp,
    IOptions<HostOptions> options,
    IOptions<DockerOptions> docker,
    IOptions<QueueOptions> queue,
    IOptions<WarmPoolOptions> warmPool,
    IHostApplicationLifetime lifetime,
    TimeProvider timeProvider,
    ILogger<HostGrain> logger)
    : Grain, IHostGrain
{
    /// <summary>More than calls can be on their way at once.</summary>
    private const int MostGivenUp = 1000;

    private readonly Dictionary<string, MandelboxDescription> _mandelboxes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _spinningUp = new(StringComparer.Ordinal);
    private readonly EndedMandelboxes _ended = new(options.Value.EndedFile, logger);
    private readonly Dictionary<string, string> _registered = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _notReady = new(StringComparer.Ordinal);
    private readonly Queue<Guid> _givenUp = new();
    private readonly LeaseQueue _queue = new(queue.Value.Capacity);
    private LeaseAllocator _leases = null!;
    private HostStatus _status = HostStatus.Starting;
    private MachineFigures? _figures;
    private bool _refusesAssigned;
    private int _failedSpinUps;
    private IReadOnlyList<Difference> _differences = [];

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var info = hostInfo.Current;
        if (this.GetPrimaryKeyString() != HostKeys.Host(info.Identity.InstanceName))
        {
            // A second authority over the same TTYs and ports would give them twice.
            throw new InvalidOperationException(
                $"There is no host {this.GetPrimaryKeyString()} here: this one is {info.Identity.InstanceName}. "
                + "A gateway in another process gets the name from Host__InstanceName.");
        }

        var gpus = new GpuPool(
            info.Gpus.Select(g => g.Index),
            info.MandelboxesPerGpu,
            info.Environment.IsLocal ? info.CpuOnlySlots : 0,
            info.MinimumFreeGpuMemoryKb);
        gpus.Update(info.Gpus);
        var tcpPorts = new PortPool(info.ReservedTcpPorts, ports.IsTcpFree, Random.Shared);
        var udpPorts = new PortPool([], ports.IsUdpFree, Random.Shared);
        _leases = new LeaseAllocator(
            new TtyPool(), tcpPorts, udpPorts, gpus, new SandboxPool(tcpPorts, udpPorts, docker.Value.SandboxesIn(info.Environment)));
        _ended.Load();
        return Task.CompletedTask;
    }

    /// <summary>The service does not see the end of some, because the engine is lost for example: the file tells of them too.</summary>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        foreach (var ending in _mandelboxes.Values.Where(m => m.EndCause is not null))
        {
            _ended.Add(new MandelboxTimeline(ending, []));
        }

        return Task.CompletedTask;
    }

    public async Task<LeaseAnswer> AcquireLease(LeaseRequest request)
    {
        var id = request.MandelboxId;
        var answer = _givenUp.Contains(request.LeaseId) ? LeaseAnswer.Refused("it was given up before it was given")
            : ReasonClosed(id) is { } closed ? LeaseAnswer.Refused(closed)
            : _queue.Next is { } first && _leases.Find(id) is null && !_reservations.Has(id) ? LeaseAnswer.Full(first.Missing)
            : Give(request, mayAdopt: true);
        if (answer.IsFull && WhoMakesRoom(request) is { } waiting)
        {
            return answer with { Waiting = waiting };
        }

        if (answer.IsFull && IsOfUser(id) && _queue.TryAdd(request, answer.Refusal!) is { } queued)
        {
            answer = await WaitAsync(queued);
        }

        if (answer is { Refusal: { } refusal, Waiting: null })
        {
            RecordRefusal(id, refusal);
        }

        return answer;
    }

    public Task<int?> QueuePlace(string mandelboxId) => Task.FromResult(_queue.PlaceOf(mandelboxId));

    public Task<LeaseAnswer> AdoptLease(Guid leaseId, string mandelboxId, IReadOnlyList<PortBinding> ports)
    {
        var answer = ReasonClosed(mandelboxId) is { } closed
            ? LeaseAnswer.Refused(closed)
            : _leases.Adopt(leaseId, mandelboxId, ports);
        if (answer.Refusal is { } refusal)
        {
            RecordRefusal(mandelboxId, refusal);
        }
        else
        {
            _reservations.Remove(mandelboxId);
        }

        return Task.FromResult(answer);
    }

    public Task<LeaseAnswer> RestoreLease(Lease lease) => Task.FromResult(_leases.Restore(lease));

    public Task HoldLeases(IReadOnlyList<Lease> leases)
    {
        foreach (var refusal in _leases.Hold(leases))
        {
            LogNotKept(refusal);
        }

        ServeQueue();
        return Task.CompletedTask;
    }

    public Task ReleaseLease(string mandelboxId, Guid leaseId)
    {
        if (_queue.Find(leaseId) is { } waiting)
        {
            _queue.Answer(waiting, LeaseAnswer.Refused("it waits no more"));
        }
        else if (!_leases.Release(mandelboxId, leaseId))
        {
            // The request for it may still be on its way: its caller did not wait for the answer.
            LogNotHeld(mandelboxId, leaseId);
            _givenUp.Enqueue(leaseId);
            if (_givenUp.Count > MostGivenUp)
            {
                _givenUp.Dequeue();
            }
        }

        ServeQueue();
        return Task.CompletedTask;
    }

    public Task<NetworkSandbox?> BeginSandbox() =>
        Task.FromResult(_status != HostStatus.Closed && _spinningUp.Count <= _queue.Count ? _leases.Sandboxes.Begin() : null);

    public Task<bool> SandboxStarted(string name) => Task.FromResult(_leases.Sandboxes.SetReady(name));

    public Task<string?> SandboxEnded(string name)
    {
        _leases.Sandboxes.SetEnded(name);
        return Task.FromResult(_leases.FindBySandbox(name));
    }

    public Task ForgetSandbox(string name)
    {
        _leases.Sandboxes.Forget(name);
        ServeQueue();
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<NetworkSandbox>> ListSandboxes() =>
        Task.FromResult<IReadOnlyList<NetworkSandbox>>(_leases.Sandboxes.Sandboxes.ToArray());

    public Task<bool> MayStartWaiting() => Task.FromResult(
        _status == HostStatus.Active && _spinningUp.Count == 0 && _queue.Count == 0 && FreeNow > _reservations.Count);

    public Task<IReadOnlyList<Lease>> ListLeases() =>
        Task.FromResult<IReadOnlyList<Lease>>(_leases.Leases.Concat(_leases.HandedOver).ToArray());

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

    public Task Report(MandelboxDescription mandelbox, IReadOnlyList<TimelineStep>? steps = null)
    {
        if (mandelbox.State == MandelboxState.Gone)
        {
            // Once, however often it is reported.
            if (_mandelboxes.Remove(mandelbox.MandelboxId))
            {
                RecordMove(mandelbox);
                if (mandelbox.EndCause != EndCause.Adopted)
                {
                    _ended.Add(new MandelboxTimeline(mandelbox, steps ?? []));
                }
            }

            foreach (var container in _registered.Where(r => r.Value == mandelbox.MandelboxId).Select(r => r.Key).ToList())
            {
                _registered.Remove(container);
            }
        }
        else
        {
            var before = _mandelboxes.GetValueOrDefault(mandelbox.MandelboxId);
            _mandelboxes[mandelbox.MandelboxId] = mandelbox;
            if (before?.State != mandelbox.State)
            {
                RecordMove(mandelbox);
            }
        }

        if (mandelbox is { Adopted: false, State: { IsAlive: true } and not MandelboxState.Running }
            && !MandelboxIds.IsWaiting(mandelbox.MandelboxId))
        {
            _spinningUp.Add(mandelbox.MandelboxId);
        }
        else
        {
            _spinningUp.Remove(mandelbox.MandelboxId);
        }

        foreach (var watcher in watchers)
        {
            watcher.Moved(mandelbox);
        }

        return Task.CompletedTask;
    }

    // An array: what crosses a grain call needs a type that has a copier, which a collection expression need not have.
    public Task<IReadOnlyList<MandelboxDescription>> ListMandelboxes() =>
        Task.FromResult<IReadOnlyList<MandelboxDescription>>(
            _mandelboxes.Values.OrderBy(m => m.CreatedAt).ThenBy(m => m.MandelboxId, StringComparer.Ordinal).Select(WithPlace).ToArray());

    public Task<IReadOnlyList<MandelboxDescription>> ListEnded(int limit) =>
        Task.FromResult<IReadOnlyList<MandelboxDescription>>(_ended.Newest.Take(limit).Select(ended => ended.Mandelbox).ToArray());

    public Task<MandelboxTimeline?> FindEnded(string mandelboxId) =>
        Task.FromResult(_ended.Newest.FirstOrDefault(ended => ended.Mandelbox.MandelboxId == mandelboxId));

    public Task<string?> FindByHostPort(int hostPort, Transport transport) => Task.FromResult(_leases.FindByHostPort(hostPort, transport));

    public Task<HostDescription> Describe()
    {
        var info = hostInfo.Current;
        return Task.FromResult(new HostDescription
        {
            Identity = info.Identity,
            Status = _status,
            Environment = info.Environment.Name,
            Version = info.Version,
            VersionNumber = info.VersionNumber,
            Commit = info.Commit,
            StartedAt = info.StartedAt,
            Ttys = _leases.Ttys,
            TcpPorts = _leases.TcpPorts,
            UdpPorts = _leases.UdpPorts,
            Slots = _leases.Gpus.Figures,
            Mandelboxes = _mandelboxes.Keys.Count(id => !MandelboxIds.IsWaiting(id)),
            Gpus = _leases.Gpus.Describe(),
            Metrics = _figures,
            NotReady = [.. _notReady.Values],
            FailedSpinUps = _failedSpinUps,
            Leaks = _differences.Count,
            Sandboxes = _leases.Sandboxes.Figures,
            Queue = [.. _queue.Mandelboxes],
            QueueCapacity = queue.Value.Capacity,
            Waiting = warmPool.Value.Size is > 0 and var size
                ? new PoolFigures(size, size - Math.Min(size, WaitingWithLease().Count(m => m.State == MandelboxState.Waiting)))
                : null,
            Reserved = _reservations.Count,
            Free = Math.Max(0, Room - _reservations.Count),
        });
    }

    public Task SetStatus(HostStatus status, string? reason = null)
    {
        if (_status.CanBecome(status))
        {
            LogStatus(_status, status);
            var before = _status;
            _status = status;
            RecordStatus(before, reason);

            // Belongs to one drain: another one begins with a grace again.
            _refusesAssigned = false;
            ServeQueue();
        }

        return Task.CompletedTask;
    }

    public Task RequestShutdown(string reason, bool force)
    {
        shutdown.Request(reason, force);
        return Task.CompletedTask;
    }

    public Task<string?> CancelDrain() => Task.FromResult(shutdownControl.CancelDrain());

    public Task<string?> RequestRestart()
    {
        var refusal = _status != HostStatus.Active ? $"this host is {_status}"
            : !options.Value.Reattaches ? "the next run would not take the mandelboxes over: set Host__OnLeftovers=reattach"
            : _mandelboxes.Values.FirstOrDefault(m => m.NotReattachable is not null) is { } mandelbox
                ? $"mandelbox {mandelbox.MandelboxId} cannot go on without the service: {mandelbox.NotReattachable}"
                : null;
        if (refusal is null)
        {
            _journal.Add(HostEventKind.Host, EventSeverity.Information, "an operator restarts the service; mandelboxes go on");
            shutdownControl.Restart();
        }

        return Task.FromResult(refusal);
    }

    public Task RefuseSpinUps()
    {
        _refusesAssigned = true;
        ServeQueue();
        return Task.CompletedTask;
    }

    public Task SetNotReady(string cause, string? why)
    {
        if (why is null)
        {
            if (_notReady.Remove(cause, out var gone))
            {
                _journal.Add(HostEventKind.Ready, EventSeverity.Information, $"no longer: {gone}");
            }
        }
        else
        {
            // Told once: its words may hold a figure that changes all the time.
            if (!_notReady.ContainsKey(cause))
            {
                _journal.Add(HostEventKind.NotReady, EventSeverity.Error, $"not ready: {why}");
            }

            _notReady[cause] = why;
        }

        return Task.CompletedTask;
    }

    public Task ReportSpinUp(SpinUpFailure? failure)
    {
        _failedSpinUps = failure is null ? 0 : _failedSpinUps + 1;
        if (failure is null)
        {
            return SetNotReady("spin-ups", null);
        }

        return _failedSpinUps < warmUp.Value.FailedSpinUps
            ? Task.CompletedTask
            : SetNotReady("spin-ups", $"the last {_failedSpinUps} spin-ups failed, the last one in step {failure.Phase}: {failure.Reason}");
    }

    public Task ReportMetrics(MachineFigures figures)
    {
        _figures = figures;
        return Task.CompletedTask;
    }

    public Task ReportDifferences(IReadOnlyList<Difference> differences)
    {
        RecordDifferences(_differences, differences);
        _differences = differences;
        return Task.CompletedTask;
    }

    public Task ReportGpus(IReadOnlyList<GpuDescription> gpus)
    {
        var before = _leases.Gpus.Describe();
        _leases.Gpus.Update(gpus);
        RecordGpus(before);
        ServeQueue();
        return SetNotReady("gpus", _leases.Gpus.WhyNone);
    }

    /// <summary>Hands the lease of the mandelbox over that has waited for longest; null where none of the app waits.</summary>
    private LeaseAnswer? HandOver(LeaseRequest request) =>
        request is { AdoptsApp: { } app, RequestedPorts: not { Count: > 0 } } && _leases.Find(request.MandelboxId) is null
            && WaitingWithLease()
                .Where(m => m.State == MandelboxState.Waiting && m.AppName == app && _leases.Gpus.IsHealthy(m.Lease!.GpuIndex))
                .MinBy(m => m.Since) is { } waiting
            && _leases.HandOver(waiting.MandelboxId, request) is { } lease
                ? LeaseAnswer.Granted(lease) with { Waiting = waiting.MandelboxId }
                : null;

    /// <summary>Mandelboxes that were started ahead and that nobody has adopted.</summary>
    private IEnumerable<MandelboxDescription> WaitingWithLease() => _mandelboxes.Values
        .Where(m => MandelboxIds.IsWaiting(m.MandelboxId) && _leases.Find(m.MandelboxId) is not null);

    private async Task<LeaseAnswer> WaitAsync(WaitingRequest waiting)
    {
        LogWaits(waiting.Request.MandelboxId, _queue.Count, waiting.Missing);
        _journal.Add(
            HostEventKind.Queued,
            EventSeverity.Information,
            $"waits at place {_queue.Count}: {waiting.Missing}",
            waiting.Request.MandelboxId);
        using var answered = new CancellationTokenSource();
        await Task.WhenAny(waiting.Answer, Task.Delay(queue.Value.Timeout, timeProvider, answered.Token));
        await answered.CancelAsync();
        _queue.Answer(
            waiting, LeaseAnswer.Refused($"{waiting.Missing}; it waited {queue.Value.Timeout.TotalSeconds:0.#} s in the queue"));
        return await waiting.Answer;
    }

    /// <summary>
    /// Gives to those that wait what is free now; first to those for which room is reserved. Once the host takes no spin-ups, none waits.
    /// </summary>
    /// <param name="isUnreserved">
    /// A reservation has ended. What it kept may be in the hands of mandelboxes that wait for users: one is adopted, or is to be ended.
    /// </param>
    private void ServeQueue(bool isUnreserved = false)
    {
        while ((_queue.FirstOf(_reservations.Has) ?? _queue.Next) is { } next)
        {
            var id = next.Request.MandelboxId;
            var answer = ReasonClosed(id) is { } closed ? LeaseAnswer.Refused(closed) : Give(next.Request, mayAdopt: isUnreserved);
            if (answer.IsFull)
            {
                if (!isUnreserved || WhoMakesRoom(next.Request) is not { } waiting)
                {
                    return;
                }

                // It asks again after that end. Until then nobody who waited behind it may have the room.
                Keep(id);
                answer = answer with { Waiting = waiting };
            }

            _queue.Answer(next, answer);
        }
    }

    private MandelboxDescription WithPlace(MandelboxDescription mandelbox) =>
        _queue.Count > 0 ? mandelbox with { QueuePlace = _queue.PlaceOf(mandelbox.MandelboxId) } : mandelbox;

    private string? ReasonClosed(string mandelboxId) => _status switch
    {
        HostStatus.Starting when mandelboxId != MandelboxIds.WarmUp => "this host is not ready yet",
        HostStatus.Draining when _refusesAssigned || hostInfo.Current.Environment.IsLocal => Drains,
        HostStatus.Closed => "this host is shutting down",
        _ => null,
    };

    [LoggerMessage(LogLevel.Information, "Mandelbox {MandelboxId} waits at place {Place}: {Reason}")]
    private partial void LogWaits(string mandelboxId, int place, string reason);

    [LoggerMessage(LogLevel.Warning, "What a container of an earlier run uses cannot be kept for it: {Reason}")]
    private partial void LogNotKept(string reason);

    [LoggerMessage(LogLevel.Debug, "Mandelbox {MandelboxId} released lease {LeaseId}, which it does not hold")]
    private partial void LogNotHeld(string mandelboxId, Guid leaseId);

    [LoggerMessage(LogLevel.Information, "Host: {From} -> {To}")]
    private partial void LogStatus(HostStatus from, HostStatus to);
}
