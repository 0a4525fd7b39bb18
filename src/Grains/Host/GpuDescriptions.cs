using HostService.GrainInterfaces;
using HostService.Infrastructure.Gpu;

namespace HostService.Grains.Host;

/// <summary>Converts GPU readings for <see cref="IHostGrain.ReportGpus"/>.</summary>
public static class GpuDescriptions
{
    public static IReadOnlyList<GpuDescription> From(IEnumerable<GpuStatus> statuses) => statuses.Select(From).ToArray();

    private static GpuDescription From(GpuStatus status) => new()
    {
        Index = status.Gpu.Index,
        Name = status.Gpu.Name ?? "unknown",
        Uuid = status.Gpu.Uuid ?? "unknown",
        TotalMemoryKb = status.Gpu.TotalMemoryBytes / 1024,
        FreeMemoryKb = status.Gpu.FreeMemoryBytes / 1024,
        UtilisationPercent = status.Gpu.UtilisationPercent,
        MemoryUtilisationPercent = status.Gpu.MemoryUtilisationPercent,
        EncoderSessions = status.Gpu.EncoderSessions,
        Unhealthy = status.Unhealthy,
        NvmlIndex = status.NvmlIndex == status.Gpu.Index ? null : status.NvmlIndex,
    };
}
