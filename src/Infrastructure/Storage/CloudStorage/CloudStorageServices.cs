using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Storage.CloudStorage;

public static class CloudStorageServices
{
    /// <summary>
    /// <see cref="ICloudStorage"/> from section <c>CloudStorage</c>. Where rclone is not installed, mounting is refused with that reason.
    /// </summary>
    public static IServiceCollection AddCloudStorage(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddValidatedOptions<CloudStorageOptions>(CloudStorageOptions.Section);
        services.AddSingleton<ICloudStorage, RcloneCloudStorage>();
        return services;
    }
}
