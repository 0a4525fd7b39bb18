using Microsoft.Extensions.Logging;

namespace Orleans.Runtime;

/// <summary>Starts what has subscribed stage by stage, and stops it in reverse: within a stage all at once.</summary>
internal class LifecycleSubject(ILogger logger) : ILifecycleSubject, IGrainLifecycle
{
    private readonly List<Subscription> _subscriptions = [];
    private int? _highest;

    public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        if (_highest is not null)
            throw new InvalidOperationException("Lifecycle has already been started.");
        var subscription = new Subscription(stage, observer);
        lock (_subscriptions)
            _subscriptions.Add(subscription);
        return subscription;
    }

    public async Task OnStart(CancellationToken cancellationToken = default)
    {
        if (_highest is not null)
            throw new InvalidOperationException("Lifecycle has already been started.");
        foreach (var stage in Stages().OrderBy(s => s.Key))
        {
            if (cancellationToken.IsCancellationRequested)
                throw new OrleansLifecycleCanceledException($"Lifecycle start canceled at stage '{stage.Key}' by request.");
            _highest = stage.Key;
            await Task.WhenAll(stage.Select(s => s.Start(cancellationToken)));
            Started(stage.Key);
        }
    }

    public async Task OnStop(CancellationToken cancellationToken = default)
    {
        if (_highest is not { } highest)
            return;
        foreach (var stage in Stages().Where(s => s.Key <= highest).OrderByDescending(s => s.Key))
        {
            try
            {
                await Task.WhenAll(stage.Select(s => s.Stop(cancellationToken)));
            }
            catch (Exception exception)
            {
                // What cannot stop does not keep the rest from stopping.
                Log.StopFailed(logger, exception, stage.Key);
            }

            Stopped(stage.Key);
        }
    }

    protected virtual void Started(int stage)
    {
    }

    protected virtual void Stopped(int stage)
    {
    }

    private List<IGrouping<int, Subscription>> Stages()
    {
        lock (_subscriptions)
            return [.. _subscriptions.GroupBy(s => s.Stage)];
    }

    private sealed class Subscription(int stage, ILifecycleObserver observer) : IDisposable
    {
        private ILifecycleObserver? _observer = observer;

        public int Stage => stage;

        public async Task Start(CancellationToken cancellationToken)
        {
            if (_observer is { } observer)
                await observer.OnStart(cancellationToken);
        }

        public async Task Stop(CancellationToken cancellationToken)
        {
            if (_observer is { } observer)
                await observer.OnStop(cancellationToken);
        }

        public void Dispose() => _observer = null;
    }
}

/// <summary>Messages of a life cycle.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping failed at stage {Stage}; the other stages go on.")]
    public static partial void StopFailed(ILogger logger, Exception exception, int stage);
}
