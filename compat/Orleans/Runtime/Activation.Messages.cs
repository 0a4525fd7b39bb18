using System.Diagnostics;

namespace Orleans.Runtime;

internal sealed partial class Activation
{
    private readonly RequestList _waiting = new();
    private readonly RequestList _running = new();
    private readonly Dictionary<Guid, int> _reentrantSections = [];

    // The running call that others wait for; a call that interleaves is never it.
    private RequestBase? _blocking;
    private long _blockingSince;
    private long _idleSince;

    /// <summary>Calls that wait or run, at a glance.</summary>
    public int Load => _waiting.Count + _running.Count;

    public int Waiting => _waiting.Count;

    public bool TryReceive(RequestBase request)
    {
        if (_observer is { IsAlive: false })
            return false;
        List<RequestBase> left;
        lock (_gate)
        {
            if (_state is ActivationState.Gone || _abandoned)
                return false;
            if (Silo.Overload(this, _waiting.Count + _running.Count) is { } overload && !request.IsLocalOnly)
            {
                request.Fail(this, overload);
                return true;
            }

            request.Holder = this;
            if (_state is ActivationState.Active && MayStart(request))
            {
                Start(request);
                return true;
            }

            if (!IsStuck)
            {
                _waiting.Add(request);
                return true;
            }

            _abandoned = true;
            left = TakeWaiting();
        }

        GiveUp(left);
        return false;
    }

    public void ReceiveMessage(object message)
    {
        if (!TryReceive((RequestBase)message))
            Silo.Deliver(GrainId, (RequestBase)message);
    }

    /// <summary>Runs the request; on the activation's scheduler, in a task of its own.</summary>
    public void Execute(RequestBase request)
    {
        if (request.Caller is { IsAnswered: true } && Silo.DropsExpired)
        {
            Finished(request);
            return;
        }

        try
        {
            if (request.Context is { Count: > 0 })
                RequestContext.Values.Value = request.Context;
            request.SetTarget(this);
            request.PrepareCancellation();
            if (Silo.Profiler.IsOn && !request.IsLocalOnly)
                request.StartedAt = Stopwatch.GetTimestamp();
            if (!Silo.HasIncomingFilters && GrainInstance is not IIncomingGrainCallFilter)
                request.Run();
            else
                _ = RunThroughFilters(request);
        }
        catch (Exception exception)
        {
            request.Fail(this, exception);
            Finished(request);
        }
    }

    /// <summary>The call has come to its end: the next may start.</summary>
    public void Finished(RequestBase request)
    {
        request.UnwatchCaller();
        if (request.StartedAt != 0)
            Silo.Profiler.Record(Class, request);
        lock (_gate)
        {
            _running.Remove(request);
            if (_blocking == request)
                _blocking = null;
            if (request.KeepsAlive)
                _idleSince = Silo.Time.GetTimestamp();
            StartWaiting();
            if (_running.Count == 0)
                StartPendingDeactivation();
        }
    }

    /// <summary>The caller gives up: a call that has not begun never does; a running one is told through its token.</summary>
    public void Cancel(RequestBase request)
    {
        lock (_gate)
        {
            if (request.List == _waiting)
            {
                _waiting.Remove(request);
                request.UnwatchCaller();
                request.Fail(this, new OperationCanceledException());
                return;
            }
        }

        _scheduler.QueueAction(() => CancelRunning(request));
    }

    /// <summary>Overdue calls are answered by their time-out; those that have not begun never do.</summary>
    public void ExpireOverdue()
    {
        List<(RequestBase Request, string Status)>? overdue = null;
        lock (_gate)
        {
            for (var r = _running.First; r is not null; r = r.Next)
            {
                if (r.Caller is { IsAnswered: false } && CallRuntime.IsOverdue(r))
                    (overdue ??= []).Add((r, "The call is running."));
            }

            for (var r = _waiting.First; r is not null; r = r.Next)
            {
                if (r.Caller is { IsAnswered: false } && CallRuntime.IsOverdue(r))
                    (overdue ??= []).Add((r, _blocking is null ? "The call waits." : $"The call waits for {_blocking}."));
            }
        }

        foreach (var (request, status) in overdue ?? [])
            request.Runtime!.TimedOut(request, status);
    }

    /// <summary>Whoever still waits for an answer gets this one.</summary>
    public void FailAll(Exception exception)
    {
        List<RequestBase> open = [];
        lock (_gate)
        {
            for (var r = _running.First; r is not null; r = r.Next)
                open.Add(r);
            for (var r = _waiting.First; r is not null; r = r.Next)
                open.Add(r);
        }

        foreach (var request in open)
            request.Caller?.Fail(exception);
    }

    /// <summary>Calls along this chain are let in until the section is left.</summary>
    public void EnterReentrantSection(Guid id)
    {
        lock (_gate)
            _reentrantSections[id] = _reentrantSections.GetValueOrDefault(id) + 1;
    }

    public void LeaveReentrantSection(Guid id)
    {
        lock (_gate)
        {
            if (!_reentrantSections.TryGetValue(id, out var depth))
                throw new InvalidOperationException("A reentrant section was left that had not been entered.");
            if (depth == 1)
                _reentrantSections.Remove(id);
            else
                _reentrantSections[id] = depth - 1;
        }
    }

    private async Task RunThroughFilters(RequestBase request)
    {
        try
        {
            var call = new IncomingCall(this, request, Silo.IncomingFilters);
            await call.Invoke();
            if (call.Response!.Exception is { } failure)
                request.Fail(this, failure);
            else
                request.Caller?.Answer(call.Response);
        }
        catch (Exception exception)
        {
            request.Fail(this, exception);
        }

        Finished(request);
    }

    private void CancelRunning(RequestBase request)
    {
        try
        {
            request.TryCancel();
        }
        catch (AggregateException exception)
        {
            LogCancellationFailed(Silo.Logger, exception, request);
        }
    }

    private void StartWaiting()
    {
        var request = _waiting.First;
        while (request is not null)
        {
            var next = request.Next;
            if (_state is ActivationState.Active || (request.IsLocalOnly && _state is ActivationState.Deactivating && !_operating))
            {
                if (MayStart(request))
                {
                    _waiting.Remove(request);
                    Start(request);
                }
            }

            request = next;
        }
    }

    private void Start(RequestBase request)
    {
        _running.Add(request);
        if (_blocking is null && !request.AlwaysInterleaves)
        {
            _blocking = request;
            _blockingSince = Stopwatch.GetTimestamp();
        }

        _scheduler.Enqueue(request);
    }

    private bool MayStart(RequestBase request)
    {
        if (_operating)
            return false;
        if (_running.Count == 0 || request.AlwaysInterleaves || _blocking is null)
            return true;
        if (_blocking.IsReadOnly && request.IsReadOnly)
            return true;
        if (request.Context is { } context && _reentrantSections.Count > 0
            && context.TryGetValue(RequestContext.ReentrancyKey, out var id) && _reentrantSections.ContainsKey((Guid)id))
            return true;
        return Class.MayInterleave(request) || Class.MayInterleave(_blocking);
    }
}
