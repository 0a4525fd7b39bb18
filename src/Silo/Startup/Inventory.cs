using HostService.Machine.Gpu;

namespace HostService.Silo.Startup;

/// <summary>The first reading of the GPUs; the monitor goes on from there.</summary>
public sealed class Inventory(GpuMonitor monitor)
{
    public Task<IReadOnlyList<GpuStatus>> ReadAsync(CancellationToken cancellationToken) => monitor.ReadAsync(cancellationToken);
}
