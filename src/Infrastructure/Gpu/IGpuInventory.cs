namespace HostService.Infrastructure.Gpu;

/// <summary>The GPUs of this machine, read by NVML. "No library", "no driver" and "no GPU" are results, not errors.</summary>
public interface IGpuInventory : IDisposable
{
    /// <summary>Blocks while the driver works: milliseconds, or seconds with a faulty GPU. Never call it on a grain's turn.</summary>
    GpuReading Read();
}

public enum GpuAvailability
{
    /// <summary>NVML works; there may still be no GPU.</summary>
    Available,

    NoLibrary,

    /// <summary>The library is installed, but the driver is not loaded or does not answer.</summary>
    NoDriver,
}

/// <param name="Detail">The loader's or NVML's error text, where NVML does not work.</param>
/// <param name="DriverVersion">Null where unknown.</param>
/// <param name="Gpus">By index. A GPU that could not be read has <see cref="GpuInfo.Fault"/>.</param>
public sealed record GpuReading(GpuAvailability Availability, string? Detail, string? DriverVersion, IReadOnlyList<GpuInfo> Gpus);

/// <summary>One GPU as NVML reads it; a figure that is not supported is null.</summary>
public sealed record GpuInfo
{
    /// <summary>NVML's index at the time of the reading.</summary>
    public required int Index { get; init; }
    public string? Name { get; init; }

    /// <summary>For example <c>GPU-8f6d…</c>; unlike the index it never changes.</summary>
    public string? Uuid { get; init; }
    public long? TotalMemoryBytes { get; init; }

    /// <summary>As nvidia-smi shows it: without memory reserved by the driver, where NVML distinguishes the two.</summary>
    public long? UsedMemoryBytes { get; init; }
    public long? FreeMemoryBytes { get; init; }

    /// <summary>0..100: the share of time in which the GPU was busy.</summary>
    public int? UtilisationPercent { get; init; }

    /// <summary>0..100: the share of time in which video memory was read or written.</summary>
    public int? MemoryUtilisationPercent { get; init; }

    public int? EncoderSessions { get; init; }

    /// <summary>XIDs since the last reading, including those caused by applications; empty where the GPU does not report them.</summary>
    public IReadOnlyList<int> Xids { get; init; } = [];

    /// <summary>Why this GPU could not be read; null when it could.</summary>
    public string? Fault { get; init; }

    /// <summary>The fault means that the GPU is gone.</summary>
    public bool Lost { get; init; }
}
