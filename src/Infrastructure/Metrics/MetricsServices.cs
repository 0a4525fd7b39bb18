using HostService.Infrastructure.Gpu;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Metrics;

public static class MetricsServices
{
    /// <summary>
    /// <see cref="IMachineMetrics"/>, and <see cref="MetricsWatch"/> on top of it. Section <c>Metrics</c>. Needs the
    /// <see cref="GpuMonitor"/> of <see cref="GpuServices.AddGpus"/> for the GPUs' last reading.
    /// </summary>
    public static IServiceCollection AddMachineMetrics(this IServiceCollection services)
    {
        services.AddValidatedOptions<MetricsOptions>(MetricsOptions.Section);
        services.TryAddSingleton<IMachineMetrics>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<MetricsOptions>>().Value;
            var disk = options.DiskPath.Length > 0 ? options.DiskPath : provider.GetRequiredService<IOptions<HostOptions>>().Value.Root;
            var monitor = provider.GetRequiredService<GpuMonitor>();
            return new MachineMetrics(
                options.ProcRoot,
                disk,
                () => monitor.LastReading,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<MachineMetrics>>());
        });
        services.TryAddSingleton<MetricsWatch>();
        return services;
    }
}
