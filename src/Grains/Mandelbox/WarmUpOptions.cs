namespace HostService.Grains.Mandelbox;

/// <summary>
/// Section <c>WarmUp</c>: the throw-away mandelboxes of a deployed host (B5), and those that try whether containers can start.
/// </summary>
public sealed class WarmUpOptions : IValidatedOptions
{
    /// <summary>The longest that each step but the app's may take. The first container on a fresh host takes over a minute.</summary>
    public TimeSpan StepTimeout { get; set; } = TimeSpan.FromSeconds(200);

    /// <summary>How long the app inside may take to come up. The first start takes up to two minutes.</summary>
    public TimeSpan AppTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the app runs once it has come up.</summary>
    public TimeSpan RunTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the container has between TERM and KILL.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>After so many failed spin-ups in a row, for causes of this host or its engine, the host is not ready.</summary>
    public int FailedSpinUps { get; set; } = 3;

    /// <summary>First pause before a host that is not ready tries to start a container; doubled up to <see cref="ProbeAtMost"/>.</summary>
    public TimeSpan ProbeAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest pause between two tries.</summary>
    public TimeSpan ProbeAtMost { get; set; } = TimeSpan.FromMinutes(5);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        UpToOneHour(nameof(StepTimeout), StepTimeout),
        UpToOneHour(nameof(AppTimeout), AppTimeout),
        UpToOneHour(nameof(RunTime), RunTime),
        UpToOneHour(nameof(StopGrace), StopGrace),
        UpToOneHour(nameof(ProbeAfter), ProbeAfter),
        UpToOneHour(nameof(ProbeAtMost), ProbeAtMost),
        (ProbeAfter <= ProbeAtMost, $"WarmUp:ProbeAfter ({ProbeAfter}) must not be over WarmUp:ProbeAtMost ({ProbeAtMost})."),
        (FailedSpinUps >= 1, $"WarmUp:FailedSpinUps must be at least 1, but is {FailedSpinUps}."));

    private static (bool Holds, string Fault) UpToOneHour(string key, TimeSpan value) =>
        (value > TimeSpan.Zero && value <= TimeSpan.FromHours(1), $"WarmUp:{key} must be over 0 and at most one hour, but is {value}.");
}
