namespace Orleans;

/// <summary>Something that starts and stops in stages.</summary>
public interface ILifecycleObservable
{
    IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer);
}

/// <summary>Runs at one stage, on the way up and on the way down.</summary>
public interface ILifecycleObserver
{
    Task OnStart(CancellationToken cancellationToken = default);

    Task OnStop(CancellationToken cancellationToken = default);
}

/// <summary>Takes part in a life cycle once it is made.</summary>
public interface ILifecycleParticipant<TLifecycleObservable>
    where TLifecycleObservable : ILifecycleObservable
{
    void Participate(TLifecycleObservable lifecycle);
}

/// <summary>A life cycle as its owner drives it.</summary>
public interface ILifecycleSubject : ILifecycleObservable, ILifecycleObserver
{
}

/// <summary>Subscribing with delegates.</summary>
public static class LifecycleExtensions
{
    public static IDisposable Subscribe(
        this ILifecycleObservable observable, string observerName, int stage, Func<CancellationToken, Task> onStart, Func<CancellationToken, Task>? onStop)
    {
        ArgumentNullException.ThrowIfNull(observable);
        ArgumentNullException.ThrowIfNull(onStart);
        return observable.Subscribe(observerName, stage, new Observer(onStart, onStop));
    }

    public static IDisposable Subscribe(this ILifecycleObservable observable, string observerName, int stage, Func<CancellationToken, Task> onStart) =>
        observable.Subscribe(observerName, stage, onStart, null);

    public static IDisposable Subscribe<TObserver>(this ILifecycleObservable observable, int stage, ILifecycleObserver observer) =>
        observable.Subscribe(Name(typeof(TObserver)), stage, observer);

    public static IDisposable Subscribe<TObserver>(
        this ILifecycleObservable observable, int stage, Func<CancellationToken, Task> onStart, Func<CancellationToken, Task> onStop) =>
        observable.Subscribe(Name(typeof(TObserver)), stage, onStart, onStop);

    public static IDisposable Subscribe<TObserver>(this ILifecycleObservable observable, int stage, Func<CancellationToken, Task> onStart) =>
        observable.Subscribe(Name(typeof(TObserver)), stage, onStart, null);

    public static IDisposable Subscribe(this ILifecycleObservable observable, int stage, ILifecycleObserver observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        return observable.Subscribe(Name(observer.GetType()), stage, observer);
    }

    private static string Name(Type type) => type.FullName ?? type.Name;

    private sealed class Observer(Func<CancellationToken, Task> onStart, Func<CancellationToken, Task>? onStop) : ILifecycleObserver
    {
        public Task OnStart(CancellationToken cancellationToken) => onStart(cancellationToken);

        public Task OnStop(CancellationToken cancellationToken) => onStop?.Invoke(cancellationToken) ?? Task.CompletedTask;
    }
}
