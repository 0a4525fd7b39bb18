namespace HostService.GrainInterfaces;

/// <summary>
/// A small container that holds a network namespace and publishes three host ports. The container of one mandelbox joins it, which is
/// faster than publishing ports of its own.
/// </summary>
/// <param name="Name">The container's name.</param>
/// <param name="State">Where it is in its life.</param>
/// <param name="Ports">The three port bindings.</param>
[GenerateSerializer, Immutable]
public sealed record NetworkSandbox(
    [property: Id(0)] string Name,
    [property: Id(1)] SandboxState State,
    [property: Id(2)] IReadOnlyList<PortBinding> Ports);

/// <summary>The life of a network sandbox. It only moves forward: a namespace that was used is never used again.</summary>
[GenerateSerializer]
public enum SandboxState
{
    /// <summary>It has its ports; its container is being started.</summary>
    Starting,

    /// <summary>It runs and waits for a mandelbox.</summary>
    Ready,

    /// <summary>It belongs to the lease of a mandelbox.</summary>
    Used,

    /// <summary>A mandelbox has used it. It is to be removed; its ports are free once it is.</summary>
    Spent,

    /// <summary>It did not start, or ended before a mandelbox got it. It is to be removed as well.</summary>
    Ended,
}
