using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Gpu;

public static class GpuServices
{
    /// <summary>The GPUs of this machine: <see cref="IGpuInventory"/> over NVML, and <see cref="GpuMonitor"/> over that. Section <c>Gpu</c>.</summary>
    public static IServiceCollection AddGpus(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<GpuOptions>, GpuOptionsValidator>());
        services.AddOptions<GpuOptions>().BindConfiguration(GpuOptions.Section).ValidateOnStart();
        services.TryAddSingleton<IGpuInventory>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<GpuOptions>>().Value;
            return new NvmlGpuInventory(options.NvmlLibrary, options.ReopenAfter, provider.GetRequiredService<TimeProvider>());
        });
        services.TryAddSingleton<GpuMonitor>();
        return services;
    }
}
