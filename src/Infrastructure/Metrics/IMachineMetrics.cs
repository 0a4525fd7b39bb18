namespace HostService.Infrastructure.Metrics;

/// <summary>Reads the machine's figures (B33).</summary>
public interface IMachineMetrics
{
    /// <summary>One reading; a figure that cannot be read is null and never costs the others. CPU % is the share since the last reading.</summary>
    MetricsReading Read();
}

/// <summary>The machine at one moment. Memory and disk in KB, percentages 0..100.</summary>
public sealed record MetricsReading
{
    public required DateTimeOffset At { get; init; }
    public long? TotalMemoryKb { get; init; }
    public long? FreeMemoryKb { get; init; }
    public long? AvailableMemoryKb { get; init; }
    public int? LogicalCpus { get; init; }
    public double? CpuPercent { get; init; }
    public long? NanoCpusRemaining { get; init; }
    public int? Gpus { get; init; }
    public long? TotalGpuMemoryKb { get; init; }
    public long? UsedGpuMemoryKb { get; init; }
    public long? FreeGpuMemoryKb { get; init; }
    public double? GpuPercent { get; init; }
    public double? GpuMemoryPercent { get; init; }
    public double? Load1 { get; init; }
    public double? Load5 { get; init; }
    public double? Load15 { get; init; }
    public long? DiskTotalKb { get; init; }
    public long? DiskUsedKb { get; init; }
    public long? DiskFreeKb { get; init; }
    public double? DiskUsedPercent { get; init; }
    public double? UptimeSeconds { get; init; }
}
