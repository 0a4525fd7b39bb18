namespace HostService.Infrastructure.Metrics;

public interface IMachineMetrics
{
    /// <summary>One reading. A figure that cannot be read is null. CPU % is the share since the last reading.</summary>
    MachineFigures Read();
}
