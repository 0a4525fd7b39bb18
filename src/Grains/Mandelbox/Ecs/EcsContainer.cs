using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Ecs;

/// <summary>ECS mode: what is known of the agent's container until it is adopted. It belongs to the grain; steps do not use it.</summary>
public sealed class EcsContainer
{
    /// <summary>The container that was registered or has started.</summary>
    public string? ContainerId { get; set; }

    /// <summary>The creation of input devices ahead of the container; null again after a failure.</summary>
    public Task<StepFailure?>? InputDevices { get; set; }

    /// <summary>The adoption; its result is null, or the reason of the failure. Null again where the engine did not answer.</summary>
    public Task<string?>? Adoption { get; set; }

    /// <summary>The last steps, begun by the first DPI; null again after a failure.</summary>
    public Task<StepFailure?>? Readiness { get; set; }
}
