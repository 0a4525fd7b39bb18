using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core;
using Orleans.Runtime;

namespace Orleans;

/// <summary>The base of a grain class.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    protected Grain()
        : this(RuntimeContext.Current!, grainRuntime: null)
    {
    }

    protected Grain(IGrainContext grainContext, IGrainRuntime? grainRuntime = null)
    {
        GrainContext = grainContext;
        Runtime = grainRuntime ?? grainContext?.ActivationServices.GetService<IGrainRuntime>()!;
    }

    [AllowNull]
    public IGrainContext GrainContext { get; private set; }

    public GrainReference GrainReference => GrainContext.GrainReference;

    public string IdentityString => GrainContext.GrainId.ToString();

    public string RuntimeIdentity => Runtime?.SiloIdentity ?? "";

    internal IGrainRuntime Runtime { get; }

    protected IGrainFactory GrainFactory => Runtime.GrainFactory;

    protected internal IServiceProvider ServiceProvider => GrainContext?.ActivationServices ?? Runtime?.ServiceProvider!;

    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    [Obsolete("Use 'this.RegisterGrainTimer(callback, state, new() { DueTime = dueTime, Period = period, Interleave = true })' instead.")]
    protected IDisposable RegisterTimer(Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        EnsureRuntime();
        return Runtime.TimerRegistry.RegisterTimer(GrainContext ?? RuntimeContext.Current!, callback, state, dueTime, period);
    }

    protected void DeactivateOnIdle()
    {
        EnsureRuntime();
        Runtime.DeactivateOnIdle(GrainContext ?? RuntimeContext.Current!);
    }

    protected void DelayDeactivation(TimeSpan timeSpan)
    {
        EnsureRuntime();
        Runtime.DelayDeactivation(GrainContext ?? RuntimeContext.Current!, timeSpan);
    }

    internal void EnsureRuntime()
    {
        if (Runtime is null)
            throw new InvalidOperationException("This grain was not made by the runtime, and no runtime was given to its constructor.");
    }
}

/// <summary>A grain with one piece of persistent state, read before activation.</summary>
public class Grain<TGrainState> : Grain
{
    [AllowNull]
    private IStorage<TGrainState> _storage;

    protected Grain()
    {
        var context = RuntimeContext.Current ?? throw new InvalidOperationException("This grain was not made by the runtime.");
        context.ObservableLifecycle.Subscribe(GetType().FullName!, GrainLifecycleStage.SetupState, cancellationToken =>
        {
            if (cancellationToken.IsCancellationRequested)
                return Task.CompletedTask;
            _storage ??= Runtime.GetStorage<TGrainState>(GrainContext);
            return ReadStateAsync();
        });
    }

    protected Grain(IStorage<TGrainState> storage)
    {
        _storage = storage;
    }

    protected TGrainState State
    {
        get => _storage.State;
        set => _storage.State = value;
    }

    protected virtual Task ClearStateAsync() => _storage.ClearStateAsync();

    protected virtual Task WriteStateAsync() => _storage.WriteStateAsync();

    protected virtual Task ReadStateAsync() => _storage.ReadStateAsync();
}
