namespace HostService.GrainInterfaces.Fleet;

/// <summary>The state of a host as operators and metrics name it.</summary>
public static class FleetHosts
{
    /// <summary>Takes mandelboxes while it has room.</summary>
    public const string Ready = "ready";

    /// <summary>Active, but takes none for now, and says why.</summary>
    public const string NotReady = "not_ready";

    /// <summary>Out of reach.</summary>
    public const string Away = "away";

    /// <summary>
    /// Out of reach for so long that its sessions count as lost. Nothing is done about it: they may still run, and it may come back.
    /// </summary>
    public const string Lost = "lost";

    /// <summary>All states; the others are those of <see cref="HostStatus"/>.</summary>
    public static IReadOnlyList<string> States { get; } =
    [
        Ready,
        NotReady,
        Away,
        Lost,
        .. new[] { HostStatus.Starting, HostStatus.Draining, HostStatus.Closed }.Select(MetricLabels.Of),
    ];
}
