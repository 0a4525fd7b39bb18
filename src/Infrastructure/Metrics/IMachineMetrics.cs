namespace HostService.Infrastructure.Metrics;

/// <summary>Reads the machine's metrics (B33).</summary>
public interface IMachineMetrics
{
    /// <summary>
    /// One reading. A figure that cannot be read is null and does not affect the others. CPU % is the share since the last reading.
    /// </summary>
    MachineFigures Read();
}
