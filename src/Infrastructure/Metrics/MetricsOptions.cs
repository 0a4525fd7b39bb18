namespace HostService.Infrastructure.Metrics;

/// <summary>Section <c>Metrics</c>: where the machine's figures are read, and how often.</summary>
public sealed class MetricsOptions
{
    public const string Section = "Metrics";

    /// <summary>B33: time between two readings, give or take <see cref="Jitter"/>.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>So much earlier or later, at random, so that hosts do not read in step.</summary>
    public TimeSpan Jitter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The kernel's process file system.</summary>
    public string ProcRoot { get; set; } = "/proc";

    /// <summary>A path on the file system whose space is told; the host's own root (<c>Host:Root</c>) when empty.</summary>
    public string DiskPath { get; set; } = "";
}
