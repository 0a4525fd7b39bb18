using Orleans.Core;
using Orleans.Timers;

namespace Orleans.Runtime;

/// <summary>What a grain needs of its silo; a test may give its own to <see cref="Grain"/>'s constructor.</summary>
public interface IGrainRuntime
{
    string SiloIdentity { get; }

    SiloAddress SiloAddress { get; }

    IGrainFactory GrainFactory { get; }

    ITimerRegistry TimerRegistry { get; }

    IServiceProvider ServiceProvider { get; }

    TimeProvider TimeProvider => TimeProvider.System;

    void DeactivateOnIdle(IGrainContext grainContext);

    void DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan);

    IStorage<TGrainState> GetStorage<TGrainState>(IGrainContext grainContext);
}
