namespace HostService.Infrastructure.Gpu;

/// <summary>Section <c>Gpu</c>: how GPUs are read, when one is unhealthy, and how many mandelboxes share one.</summary>
public sealed class GpuOptions : IValidatedOptions
{
    public const string Section = "Gpu";

    /// <summary>The most mandelboxes on one GPU (B12).</summary>
    public int MandelboxesPerGpu { get; set; } = 2;

    /// <summary>NVML: a name for the system's loader, or a path.</summary>
    public string NvmlLibrary { get; set; } = "libnvidia-ml.so.1";

    /// <summary>The free video memory that a GPU needs for another mandelbox; 0 for no check.</summary>
    public long MinimumFreeMemoryBytes { get; set; } = 512L * 1024 * 1024;

    /// <summary>Time between two readings.</summary>
    public TimeSpan ReadingInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A reading that takes longer has failed for every GPU; the next one begins only after it has ended.</summary>
    public TimeSpan ReadingTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The same for the reading at start-up: a driver that has just been loaded is slow at first.</summary>
    public TimeSpan FirstReadingTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>This many failed readings in a row make a GPU unhealthy.</summary>
    public int FailedReadings { get; set; } = 3;

    /// <summary>An unhealthy GPU is used again after this long without a fault.</summary>
    public TimeSpan HealthyFor { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// While a GPU fails or is missing, NVML is reopened this often: only then it sees a GPU that was reset or came back on the bus.
    /// </summary>
    public TimeSpan ReopenAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>XIDs that make a GPU unhealthy, instead of <see cref="Xids.Fatal"/>.</summary>
    public int[]? FatalXids { get; set; }

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (MandelboxesPerGpu is >= 1 and <= 54, $"Gpu:MandelboxesPerGpu is {MandelboxesPerGpu}; it must be 1 to 54"),
        (!string.IsNullOrWhiteSpace(NvmlLibrary), "Gpu:NvmlLibrary is empty; it must name NVML's library, usually libnvidia-ml.so.1"),
        (MinimumFreeMemoryBytes >= 0, $"Gpu:MinimumFreeMemoryBytes is {MinimumFreeMemoryBytes}; it must be 0 or more"),
        (FailedReadings >= 1, $"Gpu:FailedReadings is {FailedReadings}; it must be 1 or more"),
        (FatalXids is null || FatalXids.All(xid => xid > 0), "Gpu:FatalXids contains a number below 1; XIDs begin at 1"),
        ValidatedOptions.Positive("Gpu:ReadingInterval", ReadingInterval),
        ValidatedOptions.Positive("Gpu:ReadingTimeout", ReadingTimeout),
        ValidatedOptions.Positive("Gpu:FirstReadingTimeout", FirstReadingTimeout),
        ValidatedOptions.Positive("Gpu:HealthyFor", HealthyFor),
        ValidatedOptions.Positive("Gpu:ReopenAfter", ReopenAfter));
}
