using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>Section <c>Fleet</c>: how the fleet chooses hosts.</summary>
public sealed class FleetOptions : IValidatedOptions
{
    public const string Section = "Fleet";

    /// <summary>
    /// Which hosts are tried first: <c>Spread</c>, the emptiest, so that a lost host costs few sessions; <c>Pack</c>, the fullest, so that
    /// hosts become empty and can be given back.
    /// </summary>
    public PlacementOrder Order { get; set; } = PlacementOrder.Spread;

    /// <summary>A host that has not reported for so long gets no mandelboxes until it does. Hosts report every 2 s.</summary>
    public TimeSpan AwayAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A host that has not reported for so long is lost, and its sessions with it, as far as lists and alerts go. The fleet never starts
    /// them elsewhere: they may still run. An operator decides (<c>fleet forget</c>).
    /// </summary>
    public TimeSpan LostAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many spin-ups may wait when all hosts are full; 0: such a spin-up is refused at once.</summary>
    public int QueueCapacity { get; set; }

    /// <summary>How long one waits before it is refused.</summary>
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a host may take in a rollout until it is ready with the new version; then the rollout halts. Longer than an upgrade that
    /// takes the old version back (host-service-upgrade@.service: 15 minutes at most).
    /// </summary>
    public TimeSpan RolloutTimeout { get; set; } = TimeSpan.FromMinutes(20);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (Enum.IsDefined(Order), $"Fleet:Order is {Order}; it must be Spread or Pack."),
        (AwayAfter >= TimeSpan.FromSeconds(5),
            $"Fleet:AwayAfter is {AwayAfter}; it must be at least 00:00:05: a report that is late must not take a host out."),
        (LostAfter > AwayAfter, $"Fleet:LostAfter is {LostAfter}; it must be longer than Fleet:AwayAfter ({AwayAfter})."),
        (QueueCapacity is >= 0 and <= 1000, $"Fleet:QueueCapacity is {QueueCapacity}; it must be from 0 (no queue) to 1000."),
        (QueueTimeout >= TimeSpan.FromSeconds(5) && QueueTimeout <= TimeSpan.FromMinutes(1),
            $"Fleet:QueueTimeout is {QueueTimeout}; it must be from 00:00:05 to 00:01:00: a host may take 5 s to answer, and the "
                + "spin-up after it needs the rest of its time."),
        (RolloutTimeout >= TimeSpan.FromMinutes(1),
            $"Fleet:RolloutTimeout is {RolloutTimeout}; it must be at least 00:01:00: a host needs some time to start."));
}
