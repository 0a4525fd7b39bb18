using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Gpu;

public static class GpuServices
{
    /// <summary><see cref="IGpuInventory"/> by NVML, and <see cref="GpuMonitor"/> on top of it. Section <c>Gpu</c>.</summary>
    public static IServiceCollection AddGpus(this IServiceCollection services)
    {
        services.AddValidatedOptions<GpuOptions>(GpuOptions.Section);
        services.TryAddSingleton<IGpuInventory>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<GpuOptions>>().Value;
            return new NvmlGpuInventory(options.NvmlLibrary, options.ReopenAfter, provider.GetRequiredService<TimeProvider>());
        });
        services.TryAddSingleton<GpuMonitor>();
        return services;
    }
}
