namespace HostService.Infrastructure.Metrics;

/// <summary>Section <c>Metrics</c>: where and how often the machine's metrics are read.</summary>
public sealed class MetricsOptions : IValidatedOptions
{
    public const string Section = "Metrics";

    /// <summary>Time between two readings, ± <see cref="Jitter"/> (B33).</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Random, so that the hosts' readings spread out.</summary>
    public TimeSpan Jitter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The kernel's process file system.</summary>
    public string ProcRoot { get; set; } = "/proc";

    /// <summary>A path on the file system whose space is reported; <c>Host:Root</c> when empty.</summary>
    public string DiskPath { get; set; } = "";

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (Path.IsPathRooted(ProcRoot), $"Metrics:ProcRoot is '{ProcRoot}'; it must be an absolute path, usually /proc"),
        (DiskPath.Length == 0 || Path.IsPathRooted(DiskPath), $"Metrics:DiskPath is '{DiskPath}'; it must be an absolute path, or empty"),
        ValidatedOptions.Positive("Metrics:Interval", Interval),
        (Jitter >= TimeSpan.Zero && Jitter < Interval, $"Metrics:Jitter is {Jitter}; it must be zero or more, and less than the interval"));
}
