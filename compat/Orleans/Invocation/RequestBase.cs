using System.Reflection;
using Orleans.CodeGeneration;
using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call: its arguments, and where it stands between caller and activation.</summary>
[SuppressReferenceTracking]
[SerializerTransparent]
public abstract class RequestBase : IRequest
{
    public InvokeMethodOptions Options { get; protected set; }

    public virtual bool IsCancellable => false;

    /// <summary>Set by the proxy that makes the request.</summary>
    internal MethodDescriptor? Descriptor { get; private set; }

    internal ICaller? Caller { get; set; }

    /// <summary>Whose rules on time-outs and cancellation hold.</summary>
    internal CallRuntime? Runtime { get; set; }

    /// <summary>The activation that calls; null for a client.</summary>
    internal Activation? Source { get; set; }

    internal GrainReference? Target { get; set; }

    /// <summary>The activation that the request waits or runs on.</summary>
    internal Activation? Holder { get; set; }

    internal Dictionary<string, object>? Context { get; set; }

    internal long SentAt { get; set; }

    internal TimeSpan Timeout { get; set; }

    /// <summary>Set only while somebody wants figures of calls.</summary>
    internal long StartedAt { get; set; }

    internal bool HasFailed { get; private set; }

    private Task? Running { get; set; }

    internal int Forwards { get; set; }

    /// <summary>Neighbours in the one list that the request is in.</summary>
    internal RequestBase? Next { get; set; }

    internal RequestBase? Previous { get; set; }

    internal RequestList? List { get; set; }

    /// <summary>Null where the call cannot be cancelled, as most cannot.</summary>
    private CallCancellation? Cancellation { get; set; }

    internal bool AlwaysInterleaves => (Options & InvokeMethodOptions.AlwaysInterleave) != InvokeMethodOptions.None;

    internal bool IsReadOnly => (Options & InvokeMethodOptions.ReadOnly) != InvokeMethodOptions.None;

    internal bool IsOneWay => (Options & InvokeMethodOptions.OneWay) != InvokeMethodOptions.None;

    /// <summary>The interface that filters are told.</summary>
    internal virtual GrainInterfaceType InterfaceType => Target?.InterfaceType ?? default;

    /// <summary>A tick of the activation's own timer: never forwarded, and does not count as use unless the timer says so.</summary>
    internal virtual bool IsLocalOnly => false;

    internal virtual bool KeepsAlive => true;

    public void AddInvokeMethodOptions(InvokeMethodOptions options) => Options |= options;

    public abstract ValueTask<Response> Invoke();

    public abstract object GetTarget();

    public abstract void SetTarget(ITargetHolder holder);

    public virtual int GetArgumentCount() => 0;

    public virtual object GetArgument(int index) => throw new ArgumentOutOfRangeException(nameof(index), index, "The request has no such argument.");

    public virtual void SetArgument(int index, object value) => throw new ArgumentOutOfRangeException(nameof(index), index, "The request has no such argument.");

    public abstract void Dispose();

    public abstract string GetMethodName();

    public abstract string GetInterfaceName();

    public abstract string GetActivityName();

    public abstract Type GetInterfaceType();

    public abstract MethodInfo GetMethod();

    public virtual TimeSpan? GetDefaultResponseTimeout() => null;

    public virtual CancellationToken GetCancellationToken() => default;

    public virtual bool TryCancel()
    {
        if (Cancellation is not { } cancellation)
            return false;
        cancellation.Callee.Cancel();
        return true;
    }

    public override string ToString() => $"{Target?.GrainId}: {GetInterfaceName()}.{GetMethodName()}";

    internal void Describe(MethodDescriptor descriptor)
    {
        Descriptor = descriptor;
        Options |= descriptor.Options;
    }

    /// <summary>From now on the caller's token cancels the call.</summary>
    internal void WatchCaller(CancellationToken token)
    {
        if (!token.CanBeCanceled)
            return;
        Cancellation = new CallCancellation();
        Cancellation.Caller = token.UnsafeRegister(static (state, token) => ((RequestBase)state!).OnCallerCancelled(token), this);
    }

    internal void UnwatchCaller() => Cancellation?.Caller.Unregister();

    /// <summary>Gives the target a token of its own in place of the caller's.</summary>
    internal void PrepareCancellation()
    {
        if (Cancellation is { } cancellation && Descriptor is { CancellationArgument: >= 0 } descriptor)
            SetArgument(descriptor.CancellationArgument, cancellation.Callee.Token);
    }

    /// <summary>Calls the target; on the activation's scheduler. Tells the activation when the call has come to its end.</summary>
    internal abstract void Run();

    /// <summary>The target's method has begun and returned this task; its end is the call's.</summary>
    internal void EndWith(Task task)
    {
        if (task.IsCompleted)
        {
            End(task);
            return;
        }

        // Inline on whichever thread ends the task: for a grain method that is its last turn.
        Running = task;
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(EndRunning);
    }

    /// <summary>Ends the call with a result that was there at once.</summary>
    internal void EndWithResult<TResult>(TResult result)
    {
        try
        {
            Succeed(Copier<TResult>.Copy(result));
        }
        catch (Exception exception)
        {
            Fail(Holder!, exception);
        }

        Holder!.Finished(this);
    }

    /// <summary>Ends the call by what the target's method threw before it returned anything.</summary>
    internal void EndWithFailure(Exception exception)
    {
        Fail(Holder!, exception);
        Holder!.Finished(this);
    }

    /// <summary>Passes a task's result to the caller; throws what the task threw.</summary>
    internal virtual void Conclude(Task task)
    {
        task.GetAwaiter().GetResult();
        Succeed(default(NoResult));
    }

    private void OnCallerCancelled(CancellationToken token) => Runtime!.CancelledByCaller(this, token);

    internal void Succeed<TResult>(TResult result)
    {
        if (Caller is Caller<TResult> caller)
            caller.TrySetResult(result);
        else
            Caller?.Answer(typeof(TResult) == typeof(NoResult) ? Response.Completed : Response.FromResult(result));
    }

    /// <summary>Ends the call by an exception: passed to the caller, or, where there is none, to the log.</summary>
    internal void Fail(Activation activation, Exception exception)
    {
        HasFailed = true;
        if (exception is Storage.InconsistentStateException { IsSourceActivation: true } conflict)
        {
            // Only the activation whose state it is goes; those that it passes through on its way to the caller stay.
            conflict.IsSourceActivation = false;
            activation.Deactivate(new(DeactivationReasonCode.ApplicationError, conflict.ToString()));
        }

        if (Caller is { } caller)
            caller.Fail(exception);
        else
            activation.ReportOneWayFailure(this, exception);
    }

    private void EndRunning() => End(Running!);

    private void End(Task task)
    {
        try
        {
            Conclude(task);
        }
        catch (Exception exception)
        {
            Fail(Holder!, exception);
        }

        Holder!.Finished(this);
    }

    /// <summary>The caller's token, and the one that the target gets in its place.</summary>
    private sealed class CallCancellation
    {
        public CancellationTokenRegistration Caller { get; set; }

        public CancellationTokenSource Callee { get; } = new();
    }
}
