using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Orleans.Runtime;

/// <summary>The silo: which grains are active, and what keeps them so.</summary>
internal sealed class SiloRuntime
{
    private static int s_generation;

    private readonly ConcurrentDictionary<GrainId, IRequestTarget> _targets = new();
    private readonly ConcurrentDictionary<Activation, bool> _activations = new();
    private readonly SiloMessagingOptions _messaging;
    private readonly Lock _making = new();
    private volatile bool _accepting;
    private ITimer? _collector;
    private ITimer? _overdue;

    public SiloRuntime(
        IServiceProvider services, IOptions<SiloMessagingOptions> messaging, IOptions<GrainCollectionOptions> collection,
        IOptions<StatelessWorkerOptions> workers, IOptions<EndpointOptions> endpoint,
        IOptions<SiloOptions> options, GrainClasses classes, TimeProvider time, ILogger<SiloRuntime> logger, GrainProfiler profiler)
    {
        Services = services;
        Classes = classes;
        Time = time;
        Logger = logger;
        Profiler = profiler;
        Collection = collection.Value;
        Workers = workers.Value;
        Name = options.Value.SiloName ?? $"Silo_{Guid.NewGuid():N}"[..10];
        _messaging = messaging.Value;
        Address = SiloAddress.New(endpoint.Value.AdvertisedIPAddress ?? IPAddress.Loopback, endpoint.Value.SiloPort, Interlocked.Increment(ref s_generation));
        IncomingFilters = [.. services.GetServices<IIncomingGrainCallFilter>()];
        Calls = new CallRuntime(this, _messaging, services.GetServices<IOutgoingGrainCallFilter>(), logger);
    }

    public IServiceProvider Services { get; }

    public GrainClasses Classes { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public GrainProfiler Profiler { get; }

    public GrainCollectionOptions Collection { get; }

    public StatelessWorkerOptions Workers { get; }

    public string Name { get; }

    public SiloAddress Address { get; }

    public CallRuntime Calls { get; }

    public IIncomingGrainCallFilter[] IncomingFilters { get; }

    public bool HasIncomingFilters => IncomingFilters.Length > 0;

    public bool DropsExpired => _messaging.DropExpiredMessages;

    public int MaxForwards => _messaging.MaxForwardCount;

    public TimeSpan MaxRequestProcessingTime => _messaging.MaxRequestProcessingTime;

    /// <summary>Whether new activations are made: from start until the grains are told to go.</summary>
    public bool IsAccepting => _accepting;

    /// <summary>Activations of all kinds, in no order.</summary>
    public ICollection<Activation> Activations => _activations.Keys;

    /// <summary>Hands the request to the activation of this id, and makes one where there is none.</summary>
    /// <returns>What took it, for the next request; null when it was turned away.</returns>
    public IRequestTarget? Deliver(GrainId grainId, RequestBase request)
    {
        while (true)
        {
            if (!_targets.TryGetValue(grainId, out var target))
            {
                if (TryMake(grainId, request, out target))
                    return target;
            }

            if (target!.TryReceive(request))
                return target;
            _targets.TryRemove(KeyValuePair.Create(grainId, target));
        }
    }

    public Activation? FindActivation(GrainId grainId) => _targets.GetValueOrDefault(grainId) switch
    {
        Activation activation => activation,
        StatelessWorkers { Workers: [var first, ..] } => first,
        _ => null,
    };

    /// <summary>Starts an activation for its first call, which waits on it already: should it fail to come up, that caller hears of it.</summary>
    public Activation Activate(GrainClass grainClass, RequestBase first, GrainId grainId, Action<Activation> onGone)
    {
        var activation = new Activation(this, grainClass, grainId, onGone);
        _activations[activation] = true;
        activation.TryReceive(first);
        ((IGrainContext)activation).Activate(first.Context);
        return activation;
    }

    public void Refuse(RequestBase request) => request.Caller?.Fail(
        new SiloUnavailableException($"The local Orleans host is shutting down and can no longer process the request: {request}."));

    public void Forget(Activation activation) => _activations.TryRemove(activation, out _);

    /// <summary>An object outside the grains takes calls under this id until it is removed, or until nobody else holds it.</summary>
    public void AddObserver(GrainId grainId, IRequestTarget target) => _targets[grainId] = target;

    public bool RemoveObserver(GrainId grainId) => _targets.TryRemove(grainId, out _);

    public LimitExceededException? Overload(Activation activation, int load)
    {
        var worker = activation.Class.Workers is not null;
        var limit = worker ? _messaging.MaxEnqueuedRequestsHardLimit_StatelessWorker : _messaging.MaxEnqueuedRequestsHardLimit;
        if (limit <= 0 || load <= limit)
            return null;
        var name = worker ? nameof(SiloMessagingOptions.MaxEnqueuedRequestsHardLimit_StatelessWorker) : nameof(SiloMessagingOptions.MaxEnqueuedRequestsHardLimit);
        return new LimitExceededException(name, load, limit, activation.ToString());
    }

    public void Start()
    {
        _accepting = true;
        _overdue = WatchOverdue(Calls);
        _collector = Time.CreateTimer(_ => CollectIdle(), null, Collection.CollectionQuantum, Collection.CollectionQuantum);
    }

    /// <summary>Calls that take too long are answered by their time-out.</summary>
    public ITimer WatchOverdue(CallRuntime runtime) => Time.CreateTimer(
        _ =>
        {
            foreach (var activation in Activations)
                activation.ExpireOverdue();
            foreach (var observer in _targets.Values.OfType<Activation>().Where(a => a.IsObserver))
                observer.ExpireOverdue();
        },
        null, runtime.ScanPeriod, runtime.ScanPeriod);

    public void CollectIdle()
    {
        foreach (var activation in Activations.Where(a => a.IsStale(AgeOf(a))))
            activation.Deactivate(new(DeactivationReasonCode.ActivationIdle, "This activation has become idle."));
    }

    /// <summary>Every grain is told that the silo stops. Calls between grains that are still there go on.</summary>
    public async Task StopGrains(CancellationToken cancellationToken)
    {
        List<Activation> going;
        lock (_making)
        {
            _accepting = false;
            going = [.. Activations.Where(a => !a.IsAbandoned)];
        }

        foreach (var activation in going)
            activation.Deactivate(new(DeactivationReasonCode.ShuttingDown, "This process is terminating."), cancellationToken);
        await Task.WhenAll(going.Select(a => a.Deactivated)).WaitAsync(cancellationToken);
    }

    public void Stop()
    {
        _accepting = false;
        _collector?.Dispose();
        _overdue?.Dispose();
        foreach (var activation in Activations)
            activation.FailAll(new SiloUnavailableException("The local Orleans host has shut down."));
    }

    private TimeSpan AgeOf(Activation activation) =>
        Collection.ClassSpecificCollectionAge.TryGetValue(activation.Class.Type.FullName!, out var age) ? age : Collection.CollectionAge;

    /// <summary>True when the request is dealt with: by a new activation, or by refusing it. False when somebody else has made one meanwhile.</summary>
    private bool TryMake(GrainId grainId, RequestBase request, out IRequestTarget? target)
    {
        // One activation an id: whoever comes second finds the first one's.
        lock (_making)
        {
            if (_targets.TryGetValue(grainId, out target))
                return false;
            if (!_accepting)
            {
                Refuse(request);
                return true;
            }

            if (!Classes.TryGet(grainId.Type, out var grainClass))
            {
                request.Caller?.Fail(new OrleansMessageRejectionException($"There is no grain class for {grainId}."));
                return true;
            }

            if (grainClass.Workers is not null)
            {
                target = _targets[grainId] = new StatelessWorkers(this, grainClass, grainId);
                return false;
            }

            target = _targets[grainId] = Activate(grainClass, request, grainId, Unregister);
            return true;
        }
    }

    private void Unregister(Activation activation) => _targets.TryRemove(KeyValuePair.Create(activation.GrainId, (IRequestTarget)activation));
}
