using HostService.GrainInterfaces;
using HostService.Infrastructure.Metrics;

namespace HostService.Silo.Startup;

/// <summary>What the machine says, in the words of the grains' contract.</summary>
internal static class Describe
{
    public static MachineFigures Figures(MetricsReading reading) => new()
    {
        At = reading.At,
        TotalMemoryKb = reading.TotalMemoryKb,
        FreeMemoryKb = reading.FreeMemoryKb,
        AvailableMemoryKb = reading.AvailableMemoryKb,
        LogicalCpus = reading.LogicalCpus,
        CpuPercent = reading.CpuPercent,
        NanoCpusRemaining = reading.NanoCpusRemaining,
        Gpus = reading.Gpus,
        TotalGpuMemoryKb = reading.TotalGpuMemoryKb,
        UsedGpuMemoryKb = reading.UsedGpuMemoryKb,
        FreeGpuMemoryKb = reading.FreeGpuMemoryKb,
        GpuPercent = reading.GpuPercent,
        GpuMemoryPercent = reading.GpuMemoryPercent,
        Load1 = reading.Load1,
        Load5 = reading.Load5,
        Load15 = reading.Load15,
        DiskTotalKb = reading.DiskTotalKb,
        DiskUsedKb = reading.DiskUsedKb,
        DiskFreeKb = reading.DiskFreeKb,
        DiskUsedPercent = reading.DiskUsedPercent,
        UptimeSeconds = reading.UptimeSeconds,
    };
}
