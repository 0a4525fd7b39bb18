namespace Orleans.Runtime;

/// <summary>What all references of one grain type and interface share.</summary>
public class GrainReferenceShared
{
    internal GrainReferenceShared(GrainType grainType, GrainInterfaceType interfaceType, CallRuntime runtime)
    {
        GrainType = grainType;
        InterfaceType = interfaceType;
        Runtime = runtime;
    }

    public GrainType GrainType { get; }

    public GrainInterfaceType InterfaceType { get; }

    internal CallRuntime Runtime { get; }
}

/// <summary>Stands for a grain. The classes that implement grain interfaces on top of it are made by <see cref="ProxyFactory"/>.</summary>
[Alias("GrainRef")]
[DefaultInvokableBaseType(typeof(ValueTask<>), typeof(Request<>))]
[DefaultInvokableBaseType(typeof(ValueTask), typeof(Request))]
[DefaultInvokableBaseType(typeof(Task<>), typeof(TaskRequest<>))]
[DefaultInvokableBaseType(typeof(Task), typeof(TaskRequest))]
[DefaultInvokableBaseType(typeof(void), typeof(VoidRequest))]
[DefaultInvokableBaseType(typeof(IAsyncEnumerable<>), typeof(AsyncEnumerableRequest<>))]
public class GrainReference : IAddressable, IEquatable<GrainReference>, ISpanFormattable
{
    private readonly GrainReferenceShared _shared;
    private readonly IdSpan _key;

    // Found by the first call, and again when that one has gone.
    private IRequestTarget? _target;

    protected GrainReference(GrainReferenceShared shared, IdSpan key)
    {
        _shared = shared;
        _key = key;
    }

    public GrainId GrainId => GrainId.Create(_shared.GrainType, _key);

    public GrainInterfaceType InterfaceType => _shared.InterfaceType;

    public virtual string InterfaceName => InterfaceType.ToString();

    internal CallRuntime Runtime => _shared.Runtime;

    public virtual TGrainInterface Cast<TGrainInterface>()
        where TGrainInterface : IAddressable => (TGrainInterface)CastTo(typeof(TGrainInterface));

    public bool Equals(GrainReference? other) => other is not null && GrainId.Equals(other.GrainId);

    public override bool Equals(object? obj) => Equals(obj as GrainReference);

    public override int GetHashCode() => GrainId.GetHashCode();

    public uint GetUniformHashCode() => GrainId.GetUniformHashCode();

    public sealed override string ToString() => $"GrainReference:{GrainId}:{InterfaceType}";

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite($"GrainReference:{GrainId}:{InterfaceType}", out charsWritten);

    public static bool operator ==(GrainReference? reference1, GrainReference? reference2) =>
        reference1 is null ? reference2 is null : reference1.Equals(reference2);

    public static bool operator !=(GrainReference? reference1, GrainReference? reference2) => !(reference1 == reference2);

    internal object CastTo(Type interfaceType) => interfaceType.IsInstanceOfType(this) ? this : Runtime.Factory.Refer(GrainId, interfaceType);

    /// <summary>Hands the request to the activation, making one where there is none.</summary>
    internal void Deliver(RequestBase request)
    {
        var target = Volatile.Read(ref _target);
        if (target is not null && target.TryReceive(request))
            return;
        Volatile.Write(ref _target, Runtime.Silo.Deliver(GrainId, request));
    }

    // What the proxies call.
    internal Task Send(TaskRequest request)
    {
        var runtime = Runtime.ForCurrentContext();
        if (runtime.HasFilters)
            return runtime.SendFiltered<NoResult>(this, request);
        if (request.IsOneWay)
        {
            runtime.Send(this, request, null);
            return Task.CompletedTask;
        }

        var caller = new Caller<NoResult>();
        runtime.Send(this, request, caller);
        return caller.Task;
    }

    internal Task<TResult> Send<TResult>(TaskRequest<TResult> request) => SendFor<TResult>(request);

    internal ValueTask<TResult> Send<TResult>(Request<TResult> request) => new(SendFor<TResult>(request));

    internal ValueTask Send(Request request)
    {
        var runtime = Runtime.ForCurrentContext();
        if (runtime.HasFilters)
            return new ValueTask(runtime.SendFiltered<NoResult>(this, request));
        if (request.IsOneWay)
        {
            runtime.Send(this, request, null);
            return ValueTask.CompletedTask;
        }

        var caller = new Caller<NoResult>();
        runtime.Send(this, request, caller);
        return new ValueTask(caller.Task);
    }

    internal void Send(VoidRequest request)
    {
        var runtime = Runtime.ForCurrentContext();
        if (runtime.HasFilters)
            runtime.Observe(request, runtime.SendFiltered<NoResult>(this, request));
        else
            runtime.Send(this, request, null);
    }

    internal IAsyncEnumerable<T> Send<T>(AsyncEnumerableRequest<T> request) => request.InitializeRequest(this);

    private Task<TResult> SendFor<TResult>(RequestBase request)
    {
        var runtime = Runtime.ForCurrentContext();
        if (runtime.HasFilters)
            return runtime.SendFiltered<TResult>(this, request);
        if (request.IsOneWay)
        {
            runtime.Send(this, request, null);
            return Task.FromResult(default(TResult)!);
        }

        var caller = new Caller<TResult>();
        runtime.Send(this, request, caller);
        return caller.Task;
    }
}

/// <summary>Whatever takes requests for one grain id.</summary>
internal interface IRequestTarget
{
    /// <summary>False when it has gone, and another is to be found or made.</summary>
    bool TryReceive(RequestBase request);
}
