namespace HostService.Infrastructure.Gpu;

/// <summary>The GPUs of this machine, as NVML tells it. "No library", "no driver" and "no GPU" are answers, not errors.</summary>
public interface IGpuInventory : IDisposable
{
    /// <summary>Reads everything now. Blocks for as long as the driver takes (milliseconds; a sick GPU can take seconds): never call it on a grain's turn.</summary>
    GpuReading Read();
}

/// <summary>Whether there is anything to read.</summary>
public enum GpuAvailability
{
    /// <summary>NVML answers; there may still be no GPU.</summary>
    Available,

    /// <summary>The library is not installed.</summary>
    NoLibrary,

    /// <summary>The library is there, the driver is not loaded or does not answer.</summary>
    NoDriver,
}

/// <summary>One reading.</summary>
/// <param name="Availability">Whether NVML answers.</param>
/// <param name="Detail">The reason, in the loader's or NVML's own words, where it does not.</param>
/// <param name="DriverVersion">Null where unknown.</param>
/// <param name="Gpus">By index. A GPU that could not be read is there with <see cref="GpuInfo.Fault"/> set.</param>
public sealed record GpuReading(GpuAvailability Availability, string? Detail, string? DriverVersion, IReadOnlyList<GpuInfo> Gpus);

/// <summary>One GPU at one moment; a figure that is not supported is null.</summary>
public sealed record GpuInfo
{
    /// <summary>NVML's index at the time of the reading.</summary>
    public required int Index { get; init; }
    public string? Name { get; init; }

    /// <summary>The GPU's own identity, for example <c>GPU-8f6d…</c>: the same whatever index NVML gives it.</summary>
    public string? Uuid { get; init; }
    public long? TotalMemoryBytes { get; init; }

    /// <summary>Without what the driver keeps for itself where NVML tells the two apart, as nvidia-smi shows it.</summary>
    public long? UsedMemoryBytes { get; init; }
    public long? FreeMemoryBytes { get; init; }

    /// <summary>0..100: share of time in which the GPU was busy.</summary>
    public int? UtilisationPercent { get; init; }

    /// <summary>0..100: share of time in which video memory was read or written.</summary>
    public int? MemoryUtilisationPercent { get; init; }

    /// <summary>Video encoders open on it.</summary>
    public int? EncoderSessions { get; init; }

    /// <summary>XIDs reported since the last reading, those that an application caused included; empty also where the GPU does not report them.</summary>
    public IReadOnlyList<int> Xids { get; init; } = [];

    /// <summary>Why this GPU could not be read; null when it could.</summary>
    public string? Fault { get; init; }

    /// <summary>The fault is that it is no longer there.</summary>
    public bool Lost { get; init; }
}
