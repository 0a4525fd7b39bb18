namespace HostService.Infrastructure.Gpu;

/// <summary>The GPUs found at start-up.</summary>
/// <param name="Gpus">Every GPU that the driver lists, healthy or not.</param>
/// <param name="WhyNone">Why there are none; null where there are some.</param>
public sealed record GpuInventorySnapshot(IReadOnlyList<GpuDescription> Gpus, string? WhyNone)
{
    public static GpuInventorySnapshot From(GpuReading reading, IReadOnlyList<GpuDescription> gpus) => new(
        gpus,
        gpus.Count > 0 ? null : reading.Availability switch
        {
            GpuAvailability.NoLibrary => $"NVIDIA's library is not installed ({reading.Detail})",
            GpuAvailability.NoDriver => $"NVIDIA's driver is not loaded, or fails ({reading.Detail})",
            _ => $"NVIDIA's driver {reading.DriverVersion} works but lists no GPU",
        });

    /// <summary>After a reading that failed or did not end.</summary>
    public static GpuInventorySnapshot Unread(string reason) => new([], reason);
}
