namespace HostService.GrainInterfaces;

/// <summary>Transport of a port. TCP and UDP ports are counted separately.</summary>
[GenerateSerializer]
public enum Transport
{
    Tcp,

    Udp,
}

/// <summary>A port inside the mandelbox and the host port that is forwarded to it.</summary>
/// <param name="MandelboxPort">Inside the container, 1..65535.</param>
/// <param name="HostPort">On the host; leased ones lie within [1025, 49151).</param>
[GenerateSerializer, Immutable]
public sealed record PortBinding(
    [property: Id(0)] ushort MandelboxPort,
    [property: Id(1)] Transport Transport,
    [property: Id(2)] ushort HostPort);

/// <summary>The ports that a mandelbox listens on (B10).</summary>
public static class MandelboxPorts
{
    /// <summary>32262/tcp: the app's control channel.</summary>
    public const ushort Control = 32262;

    /// <summary>32263/udp: video and audio.</summary>
    public const ushort Media = 32263;

    /// <summary>32273/tcp: the second stream.</summary>
    public const ushort Secondary = 32273;

    /// <summary>All three with their transports, in the order in which they are leased.</summary>
    public static IReadOnlyList<(ushort Port, Transport Transport)> All { get; } =
        [(Control, Transport.Tcp), (Media, Transport.Udp), (Secondary, Transport.Tcp)];
}

/// <summary>What one mandelbox holds of this host, given all or nothing.</summary>
/// <param name="Id">Distinguishes this lease from earlier ones of the same mandelbox.</param>
/// <param name="MandelboxId">The owner.</param>
/// <param name="Tty">TTY number within [10, 64).</param>
/// <param name="GpuIndex">NVML's index of the GPU at that time, or −1 for a CPU-only slot.</param>
/// <param name="Ports">The three port bindings; in ECS mode those that the container publishes.</param>
/// <param name="Sandbox">The network sandbox that publishes the ports; null where the mandelbox's own container does.</param>
[GenerateSerializer, Immutable]
public sealed record Lease(
    [property: Id(0)] Guid Id,
    [property: Id(1)] string MandelboxId,
    [property: Id(2)] int Tty,
    [property: Id(3)] int GpuIndex,
    [property: Id(4)] IReadOnlyList<PortBinding> Ports,
    [property: Id(5)] string? Sandbox = null)
{
    /// <summary>The host port that is forwarded to <paramref name="mandelboxPort"/>.</summary>
    public ushort HostPortFor(ushort mandelboxPort) => Ports.First(p => p.MandelboxPort == mandelboxPort).HostPort;
}

/// <summary>A request for a lease.</summary>
/// <param name="LeaseId">Chosen by the caller, who can so release the lease even if the answer is lost.</param>
/// <param name="MandelboxId">The owner.</param>
/// <param name="RequestedPorts">Host ports that the request names; the others are chosen.</param>
/// <param name="AdoptsApp">Its owner can adopt a mandelbox of this app that waits; null when it cannot adopt one.</param>
/// <param name="CanEndWaiting">
/// Whether a full host names a mandelbox that waits, so that its end makes room. False once that has been tried: the request queues.
/// </param>
[GenerateSerializer, Immutable]
public sealed record LeaseRequest(
    [property: Id(0)] Guid LeaseId,
    [property: Id(1)] string MandelboxId,
    [property: Id(2)] IReadOnlyList<PortBinding>? RequestedPorts = null,
    [property: Id(3)] string? AdoptsApp = null,
    [property: Id(4)] bool CanEndWaiting = true);

/// <summary>A lease or a refusal: one of the two is set.</summary>
/// <param name="Lease">What was given.</param>
/// <param name="Refusal">Why nothing was given.</param>
/// <param name="IsFull">Whether the refusal is for want of something that may be free later.</param>
/// <param name="Waiting">
/// The mandelbox that waits and had the lease until now: its next owner adopts it. With a refusal: its end makes room.
/// </param>
[GenerateSerializer, Immutable]
public sealed record LeaseAnswer(
    [property: Id(0)] Lease? Lease,
    [property: Id(1)] string? Refusal,
    [property: Id(2)] bool IsFull = false,
    [property: Id(3)] string? Waiting = null)
{
    public static LeaseAnswer Granted(Lease lease) => new(lease, null);

    public static LeaseAnswer Refused(string reason) => new(null, reason);

    public static LeaseAnswer Full(string reason) => new(null, reason, IsFull: true);
}
