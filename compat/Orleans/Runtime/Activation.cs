using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Orleans.Runtime;

/// <summary>One activation of a grain: its instance, its scheduler, its services. Messages and life are in the other parts.</summary>
#pragma warning disable CA1001 // Its cancellation source has no timer and no handle, and may still be cancelled while the activation ends.
internal sealed partial class Activation : IGrainContext, IRequestTarget
{
#pragma warning restore CA1001
    // Guards everything below that is not immutable.
    private readonly Lock _gate = new();
    private readonly ActivationScheduler _scheduler;
    private readonly Dictionary<Type, object> _components = [];
    private readonly LifecycleSubject _lifecycle;
    private readonly AsyncServiceScope _scope;
    private readonly WeakReference? _observer;
    private GrainReference? _reference;
    private object? _instance;

    public Activation(SiloRuntime silo, GrainClass grainClass, GrainId grainId, Action<Activation> onGone)
    {
        Silo = silo;
        Class = grainClass;
        GrainId = grainId;
        ActivationId = ActivationId.NewId();
        _onGone = onGone;
        _scheduler = new ActivationScheduler(this);
        _lifecycle = new LifecycleSubject(silo.Logger);
        _scope = silo.Services.CreateAsyncScope();
        _scope.ServiceProvider.GetRequiredService<CurrentActivation>().Activation = this;
        _idleSince = silo.Time.GetTimestamp();
    }

    /// <summary>Serves an object that is there already and has no life cycle of its own. It does not keep it.</summary>
    public Activation(SiloRuntime silo, GrainClass observerClass, GrainId grainId, object observer)
        : this(silo, observerClass, grainId, static _ => { })
    {
        _observer = new WeakReference(observer);
        _state = ActivationState.Active;
    }

    public SiloRuntime Silo { get; }

    public GrainClass Class { get; }

    public GrainId GrainId { get; }

    public ActivationId ActivationId { get; }

    public object? GrainInstance
    {
        get => _instance ?? _observer?.Target;
        private set => _instance = value;
    }

    public bool IsObserver => _observer is not null;

    public GrainReference GrainReference => _reference ??= Silo.Calls.Factory.ReferTo(GrainId);

    public GrainAddress Address => new() { GrainId = GrainId, ActivationId = ActivationId, SiloAddress = Silo.Address };

    public IServiceProvider ActivationServices => _scope.ServiceProvider;

    public IGrainLifecycle ObservableLifecycle => _lifecycle;

    public IWorkItemScheduler Scheduler => _scheduler;

    public Task Deactivated => _gone.Task;

    public object? GetTarget() => GrainInstance;

    public object? GetComponent(Type componentType)
    {
        if (componentType.IsInstanceOfType(GrainInstance))
            return GrainInstance;
        if (componentType.IsInstanceOfType(this))
            return this;
        lock (_gate)
        {
            if (_components.TryGetValue(componentType, out var component))
                return component;
        }

        return ActivationServices.GetService(componentType);
    }

    public void SetComponent<TComponent>(TComponent? value)
        where TComponent : class
    {
        if (GrainInstance is TComponent || typeof(TComponent).IsInstanceOfType(this))
            throw new ArgumentException($"{typeof(TComponent)} is what the grain itself is, so it cannot be another component.", nameof(value));
        lock (_gate)
        {
            if (value is null)
                _components.Remove(typeof(TComponent));
            else
                _components[typeof(TComponent)] = value;
        }
    }

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public override bool Equals(object? obj) => ReferenceEquals(this, obj);

    public override int GetHashCode() => ActivationId.GetHashCode();

    public override string ToString() => $"[Activation {GrainId}{ActivationId} {_state}]";

    /// <summary>A one-way call has failed: nobody but the log hears of it.</summary>
    public void ReportOneWayFailure(RequestBase request, Exception exception) => LogOneWayFailure(Silo.Logger, exception, request);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Exception during a one-way call: {Request}.")]
    private static partial void LogOneWayFailure(ILogger logger, Exception exception, RequestBase request);
}

/// <summary>Which activation a scope of services belongs to.</summary>
internal sealed class CurrentActivation
{
    public Activation? Activation { get; set; }
}
