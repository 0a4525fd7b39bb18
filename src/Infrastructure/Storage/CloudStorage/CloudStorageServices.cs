using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Storage.CloudStorage;

public static class CloudStorageServices
{
    /// <summary>
    /// <see cref="ICloudStorage"/> from section <c>CloudStorage</c>. Where rclone is not installed, mounting is refused with that reason.
    /// </summary>
    public static IServiceCollection AddCloudStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<CloudStorageOptions>(CloudStorageOptions.Section);
        services.AddSingleton<ICloudStorage, RcloneCloudStorage>();
        return services;
    }
}
