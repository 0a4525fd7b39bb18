using HostService.Infrastructure.Gpu;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Metrics;

public static class MetricsServices
{
    /// <summary>
    /// <see cref="IMachineMetrics"/>, and <see cref="MetricsWatch"/> over it. Section <c>Metrics</c>. Needs the <see cref="GpuMonitor"/> of
    /// <see cref="GpuServices.AddGpus"/>, whose last reading it tells.
    /// </summary>
    public static IServiceCollection AddMachineMetrics(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<MetricsOptions>()
            .BindConfiguration(MetricsOptions.Section)
            .Validate(o => Path.IsPathRooted(o.ProcRoot), "Metrics:ProcRoot must be an absolute path, /proc as a rule")
            .Validate(o => o.DiskPath.Length == 0 || Path.IsPathRooted(o.DiskPath), "Metrics:DiskPath must be an absolute path, or empty for the host's root")
            .Validate(o => o.Interval > TimeSpan.Zero, "Metrics:Interval must be more than zero, for example 00:00:30")
            .Validate(o => o.Jitter >= TimeSpan.Zero && o.Jitter < o.Interval, "Metrics:Jitter must be zero or more, and less than Metrics:Interval")
            .ValidateOnStart();
        services.TryAddSingleton<IMachineMetrics>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<MetricsOptions>>().Value;
            var disk = options.DiskPath.Length > 0 ? options.DiskPath : provider.GetRequiredService<IOptions<HostOptions>>().Value.Root;
            var monitor = provider.GetRequiredService<GpuMonitor>();
            return new MachineMetrics(
                options.ProcRoot, disk, () => monitor.LastReading, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<MachineMetrics>>());
        });
        services.TryAddSingleton<MetricsWatch>();
        return services;
    }
}
