namespace HostService.GrainInterfaces;

/// <summary>The records that must agree with each other about mandelboxes.</summary>
[GenerateSerializer]
public enum DifferenceKind
{
    /// <summary>The host's list of mandelboxes, compared with the mandelboxes themselves.</summary>
    List,

    /// <summary>A TTY, ports and a GPU slot.</summary>
    Lease,

    /// <summary>A container as the engine lists it.</summary>
    Container,

    /// <summary>The first process of a container.</summary>
    Process,

    /// <summary>A directory below <c>Host:Root</c>.</summary>
    Directory,

    /// <summary>A cloud drive.</summary>
    Mount,

    /// <summary>What is kept for a run after a crash.</summary>
    Record,

    /// <summary>A socket that hands out input devices.</summary>
    Socket,

    /// <summary>A row of the backend's database.</summary>
    Row,

    /// <summary>A network sandbox.</summary>
    Sandbox,
}

/// <summary>Something that belongs to no mandelbox, or that a mandelbox must have and has not.</summary>
/// <param name="Kind">Where it was found, or is missing.</param>
/// <param name="MandelboxId">The owner, which may not exist.</param>
/// <param name="Name">Of the thing: a path, an id of Docker's or of a lease.</param>
/// <param name="Problem">What is wrong with it.</param>
/// <param name="Since">When it was found first.</param>
[GenerateSerializer, Immutable]
public sealed record Difference(
    [property: Id(0)] DifferenceKind Kind,
    [property: Id(1)] string MandelboxId,
    [property: Id(2)] string Name,
    [property: Id(3)] string Problem,
    [property: Id(4)] DateTimeOffset Since);
