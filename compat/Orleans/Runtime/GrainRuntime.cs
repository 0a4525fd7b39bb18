using System.Reflection;
using Orleans.Core;
using Orleans.Providers;
using Orleans.Timers;

namespace Orleans.Runtime;

/// <summary>What grains of this silo are given.</summary>
internal sealed class GrainRuntime(SiloRuntime silo, ITimerRegistry timers) : IGrainRuntime
{
    public string SiloIdentity => silo.Address.ToString();

    public SiloAddress SiloAddress => silo.Address;

    public IGrainFactory GrainFactory
    {
        get
        {
            Check(RuntimeContext.Current);
            return silo.Calls.Factory;
        }
    }

    public ITimerRegistry TimerRegistry
    {
        get
        {
            Check(RuntimeContext.Current);
            return timers;
        }
    }

    public IServiceProvider ServiceProvider
    {
        get
        {
            Check(RuntimeContext.Current);
            return silo.Services;
        }
    }

    public TimeProvider TimeProvider => silo.Time;

    public void DeactivateOnIdle(IGrainContext grainContext)
    {
        Check(grainContext);
        grainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, $"{nameof(DeactivateOnIdle)} was called."));
    }

    public void DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan)
    {
        Check(grainContext);
        ((Activation)grainContext).DelayDeactivation(timeSpan);
    }

    public IStorage<TGrainState> GetStorage<TGrainState>(IGrainContext grainContext)
    {
        var type = grainContext.GrainInstance?.GetType() ?? throw new InvalidOperationException("The grain has no instance yet.");
        var provider = type.GetCustomAttribute<StorageProviderAttribute>()?.ProviderName ?? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME;
        return new PersistentState<TGrainState>(PersistentStates.Storage(ServiceProvider, provider, type), "state", grainContext.GrainId);
    }

    /// <summary>A grain's services are for code that runs as one of its turns, for as long as the activation is there.</summary>
    private static void Check(IGrainContext? context)
    {
        if (context is null)
            throw new InvalidOperationException("Activation access violation. A non-activation thread attempted to access activation services.");
        if (context is Activation { State: ActivationState.Gone })
            throw new InvalidOperationException($"Attempt to access an invalid activation: {context}");
    }
}

/// <summary>The activation that the current code runs on.</summary>
internal sealed class GrainContextAccessor : IGrainContextAccessor
{
    public IGrainContext GrainContext => RuntimeContext.Current!;
}
