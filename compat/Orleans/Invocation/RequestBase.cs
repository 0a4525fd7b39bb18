using System.Reflection;
using Orleans.CodeGeneration;
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

    internal int Forwards { get; set; }

    internal CancellationTokenRegistration CallerCancellation { get; set; }

    /// <summary>Neighbours in the one list that the request is in.</summary>
    internal RequestBase? Next { get; set; }

    internal RequestBase? Previous { get; set; }

    internal RequestList? List { get; set; }

    internal CancellationTokenSource? CalleeCancellation { get; set; }

    internal bool AlwaysInterleaves => (Options & InvokeMethodOptions.AlwaysInterleave) != InvokeMethodOptions.None;

    internal bool IsReadOnly => (Options & InvokeMethodOptions.ReadOnly) != InvokeMethodOptions.None;

    internal bool IsOneWay => (Options & InvokeMethodOptions.OneWay) != InvokeMethodOptions.None;

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
        if (CalleeCancellation is not { } source)
            return false;
        source.Cancel();
        return true;
    }

    public override string ToString() => $"{Target?.GrainId}: {GetInterfaceName()}.{GetMethodName()}";

    internal void Describe(MethodDescriptor descriptor)
    {
        Descriptor = descriptor;
        Options |= descriptor.Options;
    }

    /// <summary>Gives the target a token of its own in place of the caller's.</summary>
    internal void PrepareCancellation()
    {
        if (Descriptor is not { CancellationArgument: >= 0 } descriptor || !GetCancellationToken().CanBeCanceled)
            return;
        CalleeCancellation ??= new CancellationTokenSource();
        SetArgument(descriptor.CancellationArgument, CalleeCancellation.Token);
    }

    /// <summary>Runs on the activation's scheduler; says so to <paramref name="activation"/> when the call has come to its end.</summary>
    internal virtual void Run(Activation activation) => _ = RunAndAnswer(activation);

    internal void OnCallerCancelled(CancellationToken token) => Runtime!.CancelledByCaller(this, token);

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
        if (exception is Storage.InconsistentStateException)
            activation.Deactivate(new(DeactivationReasonCode.ApplicationError, "The state was written by somebody else."));
        if (Caller is { } caller)
            caller.Fail(exception);
        else
            activation.ReportOneWayFailure(this, exception);
    }

    private async Task RunAndAnswer(Activation activation)
    {
        try
        {
            var response = await Invoke();
            if (response.Exception is { } exception)
                Fail(activation, exception);
            else
                Caller?.Answer(response);
        }
        catch (Exception exception)
        {
            Fail(activation, exception);
        }

        activation.Finished(this);
    }
}
