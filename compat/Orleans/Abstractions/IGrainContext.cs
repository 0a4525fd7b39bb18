using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>One activation, as seen from inside.</summary>
public interface IGrainContext : ITargetHolder, IEquatable<IGrainContext>
{
    GrainReference GrainReference { get; }

    GrainId GrainId { get; }

    object? GrainInstance { get; }

    ActivationId ActivationId { get; }

    GrainAddress Address { get; }

    IServiceProvider ActivationServices { get; }

    IGrainLifecycle ObservableLifecycle { get; }

    IWorkItemScheduler Scheduler { get; }

    Task Deactivated { get; }

    void SetComponent<TComponent>(TComponent? value)
        where TComponent : class;

    void ReceiveMessage(object message);

    void Activate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken = default);

    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);
}

/// <summary>Finds the activation that the current code runs on.</summary>
public interface IGrainContextAccessor
{
    IGrainContext GrainContext { get; }
}

/// <summary>Puts work on an activation's own scheduler.</summary>
public interface IWorkItemScheduler
{
    void QueueAction(Action action);

    void QueueTask(Task task);

    void QueueAction(Action<object> action, object state);
}

/// <summary>What observes an activation's start and end.</summary>
public interface IGrainLifecycle : ILifecycleObservable
{
}

/// <summary>Stages of an activation's life.</summary>
public static class GrainLifecycleStage
{
    public const int First = int.MinValue;
    public const int SetupState = 1000;
    public const int Activate = 2000;
    public const int Last = int.MaxValue;
}

/// <summary>Which activation the current thread serves.</summary>
internal static class RuntimeContext
{
    [ThreadStatic]
    private static IGrainContext? t_current;

    public static IGrainContext? Current
    {
        get => t_current;
        internal set => t_current = value;
    }
}
