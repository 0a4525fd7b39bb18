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

    public IGrainFactory GrainFactory => silo.Calls.Factory;

    public ITimerRegistry TimerRegistry => timers;

    public IServiceProvider ServiceProvider => silo.Services;

    public TimeProvider TimeProvider => silo.Time;

    public void DeactivateOnIdle(IGrainContext grainContext) =>
        grainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, $"{nameof(DeactivateOnIdle)} was called."));

    public void DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan) => ((Activation)grainContext).DelayDeactivation(timeSpan);

    public IStorage<TGrainState> GetStorage<TGrainState>(IGrainContext grainContext)
    {
        var type = grainContext.GrainInstance?.GetType() ?? throw new InvalidOperationException("The grain has no instance yet.");
        var provider = type.GetCustomAttribute<StorageProviderAttribute>()?.ProviderName ?? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME;
        return new PersistentState<TGrainState>(PersistentStates.Storage(silo.Services, provider, type), type.FullName!, grainContext.GrainId);
    }
}

/// <summary>The activation that the current code runs on.</summary>
internal sealed class GrainContextAccessor : IGrainContextAccessor
{
    public IGrainContext GrainContext => RuntimeContext.Current!;
}
