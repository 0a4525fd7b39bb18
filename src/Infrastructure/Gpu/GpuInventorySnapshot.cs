using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Gpu;

/// <summary>What start-up finds of GPUs.</summary>
/// <param name="Gpus">Every GPU that the driver lists, healthy or not.</param>
/// <param name="WhyNone">Why there are none, in a clause; null where there are some.</param>
public sealed record GpuInventorySnapshot(IReadOnlyList<GpuDescription> Gpus, string? WhyNone)
{
    /// <summary>The stock after a reading that came about.</summary>
    public static GpuInventorySnapshot From(GpuReading reading, IReadOnlyList<GpuDescription> gpus) => new(gpus, gpus.Count > 0 ? null : reading.Availability switch
    {
        GpuAvailability.NoLibrary => $"NVIDIA's library is not installed ({reading.Detail})",
        GpuAvailability.NoDriver => $"NVIDIA's driver is not loaded, or refuses ({reading.Detail})",
        _ => $"NVIDIA's driver {reading.DriverVersion} answers and lists none",
    });

    /// <summary>The stock after a reading that failed or did not end.</summary>
    public static GpuInventorySnapshot Unread(string why) => new([], why);
}
