using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Orleans.Runtime;

/// <summary>Where an activation stands.</summary>
internal enum ActivationState
{
    /// <summary>Its instance is being made, and its start-up runs.</summary>
    Activating,

    /// <summary>Takes calls.</summary>
    Active,

    /// <summary>Lets running calls end; new ones wait for the next activation.</summary>
    Deactivating,

    /// <summary>Takes nothing any more.</summary>
    Gone,
}

internal sealed partial class Activation
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<Activation> _onGone;
    private readonly CancellationTokenSource _activation = new();
    private readonly HashSet<IDisposable> _timers = [];
    private ActivationState _state = ActivationState.Activating;
    private DeactivationReason _reason;
    private CancellationToken _deactivationToken;
    private bool _wasActive;
    private bool _deactivationPending;
    private bool _abandoned;
    private long _deactivatingSince;

    // Activation or deactivation is running on the scheduler, and calls do not.
    private bool _operating;
    private DateTimeOffset _keepAliveUntil = DateTimeOffset.MinValue;

    public ActivationState State => _state;

    /// <summary>Given up for being at one call, or at its end, for too long: it is no longer this grain's activation.</summary>
    public bool IsAbandoned => _abandoned;

    public DeactivationReason Reason => _reason;

    void IGrainContext.Activate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken)
    {
        lock (_gate)
            _operating = true;
        _scheduler.QueueAction(() => _ = ActivateAsync(requestContext, cancellationToken));
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        var interrupted = false;
        lock (_gate)
        {
            if (_state is ActivationState.Gone or ActivationState.Deactivating)
                return;
            _reason = deactivationReason;
            _deactivationToken = cancellationToken;
            _wasActive = _state is ActivationState.Active;
            interrupted = _state is ActivationState.Activating;
            _state = ActivationState.Deactivating;
            _deactivatingSince = Stopwatch.GetTimestamp();
            _deactivationPending = true;
            if (_running.Count == 0)
                StartPendingDeactivation();
        }

        if (interrupted)
            _activation.Cancel();
    }

    public void DelayDeactivation(TimeSpan time)
    {
        lock (_gate)
        {
            _keepAliveUntil = time == TimeSpan.MaxValue || time == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue
                : time <= TimeSpan.Zero ? DateTimeOffset.MinValue
                : Silo.Time.GetUtcNow() + time;
        }
    }

    /// <summary>Whether nobody has called for so long that the activation may go.</summary>
    public bool IsStale(TimeSpan defaultAge)
    {
        if (Class.IsKeptAlive)
            return false;
        lock (_gate)
        {
            return _state is ActivationState.Active && Load == 0 && Silo.Time.GetUtcNow() >= _keepAliveUntil
                && Silo.Time.GetElapsedTime(_idleSince) >= (Class.CollectionAge ?? defaultAge);
        }
    }

    public void Own(IDisposable timer)
    {
        lock (_gate)
            _timers.Add(timer);
    }

    public void Disown(IDisposable timer)
    {
        lock (_gate)
            _timers.Remove(timer);
    }

    private async Task ActivateAsync(Dictionary<string, object>? requestContext, CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _activation.Token);
        cancellation.CancelAfter(Silo.Collection.ActivationTimeout);
        try
        {
            if (requestContext is not null)
                RequestContext.Values.Value = requestContext;
            GrainInstance = Class.Create(this, ActivationServices);
            if (GrainInstance is ILifecycleParticipant<IGrainLifecycle> participant)
                participant.Participate(ObservableLifecycle);
            await _lifecycle.OnStart(cancellation.Token).WaitAsync(cancellation.Token);
            if (GrainInstance is IGrainBase grain)
                await grain.OnActivateAsync(cancellation.Token).WaitAsync(cancellation.Token);
        }
        catch (Exception exception)
        {
            var reason = _activation.IsCancellationRequested
                ? new DeactivationReason(DeactivationReasonCode.RuntimeRequested, exception, "Activation was given up.")
                : new DeactivationReason(DeactivationReasonCode.ActivationFailed, exception, "Failed to activate grain.");
            Deactivate(reason, CancellationToken.None);
            LogActivationFailed(Silo.Logger, exception, GrainId);
        }

        lock (_gate)
        {
            _operating = false;
            if (_state is ActivationState.Activating)
                _state = ActivationState.Active;
            _idleSince = Silo.Time.GetTimestamp();
            StartWaiting();
            if (_running.Count == 0)
                StartPendingDeactivation();
        }
    }

    private bool IsStuck =>
        (_blocking is not null && Stopwatch.GetElapsedTime(_blockingSince) > Silo.MaxRequestProcessingTime)
        || (_state is ActivationState.Deactivating && Stopwatch.GetElapsedTime(_deactivatingSince) > Silo.MaxRequestProcessingTime);

    private void StartPendingDeactivation()
    {
        if (!_deactivationPending || _operating)
            return;
        _deactivationPending = false;
        _operating = true;
        _scheduler.QueueAction(() => _ = DeactivateAsync());
    }

    private async Task DeactivateAsync()
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(_deactivationToken);
        cancellation.CancelAfter(Silo.Collection.DeactivationTimeout);
        StopTimers();
        try
        {
            if (_wasActive && GrainInstance is IGrainBase grain)
                await grain.OnDeactivateAsync(_reason, cancellation.Token).WaitAsync(cancellation.Token);
        }
        catch (Exception exception)
        {
            LogDeactivationFailed(Silo.Logger, exception, GrainId);
        }

        try
        {
            await _lifecycle.OnStop(cancellation.Token).WaitAsync(cancellation.Token);
        }
        catch (Exception exception)
        {
            LogDeactivationFailed(Silo.Logger, exception, GrainId);
        }

        _onGone(this);
        Silo.Forget(this);
        List<RequestBase> left;
        lock (_gate)
        {
            _state = ActivationState.Gone;
            left = TakeWaiting();
        }

        await DisposeAll();
        foreach (var request in left)
            PassOn(request);
        _gone.TrySetResult();
    }

    /// <summary>Those who wait for an activation that is stuck, and all who come after them, get another. What it is at goes on, and then it goes.</summary>
    private void GiveUp(List<RequestBase> left)
    {
        Deactivate(new(DeactivationReasonCode.ActivationUnresponsive, $"{this} has been at {_blocking} for longer than {Silo.MaxRequestProcessingTime}."));
        _onGone(this);
        foreach (var request in left)
            PassOn(request);
    }

    private List<RequestBase> TakeWaiting()
    {
        List<RequestBase> left = [];
        while (_waiting.First is { } request)
        {
            _waiting.Remove(request);
            if (!request.IsLocalOnly)
                left.Add(request);
        }

        return left;
    }

    /// <summary>A call that came too late goes to the next activation, or, where this one never came up, back to its caller with the reason.</summary>
    private void PassOn(RequestBase request)
    {
        if (_reason.Exception is { } exception)
            request.Fail(this, exception);
        else if (++request.Forwards > Silo.MaxForwards)
            request.Fail(this, new OrleansMessageRejectionException($"Forwarding failed: tried to forward message {request} for {request.Forwards} times. {_reason}"));
        else
            Silo.Deliver(GrainId, request);
    }

    private void StopTimers()
    {
        List<IDisposable> timers;
        lock (_gate)
            timers = [.. _timers];
        foreach (var timer in timers)
            timer.Dispose();
    }

    private async Task DisposeAll()
    {
        try
        {
            if (GrainInstance is IAsyncDisposable asyncDisposable)
                await asyncDisposable.DisposeAsync();
            else if (GrainInstance is IDisposable disposable)
                disposable.Dispose();
            await _scope.DisposeAsync();
        }
        catch (Exception exception)
        {
            LogDisposalFailed(Silo.Logger, exception, GrainId);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Grain {GrainId} could not be activated.")]
    private static partial void LogActivationFailed(ILogger logger, Exception exception, GrainId grainId);

    [LoggerMessage(Level = LogLevel.Error, Message = "Grain {GrainId} failed while it was being deactivated.")]
    private static partial void LogDeactivationFailed(ILogger logger, Exception exception, GrainId grainId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Grain {GrainId} or one of its services could not be disposed.")]
    private static partial void LogDisposalFailed(ILogger logger, Exception exception, GrainId grainId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A cancellation callback of {Request} failed.")]
    private static partial void LogCancellationFailed(ILogger logger, Exception exception, RequestBase request);
}
