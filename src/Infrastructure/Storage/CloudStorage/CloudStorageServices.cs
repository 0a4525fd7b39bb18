using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Storage.CloudStorage;

public static class CloudStorageServices
{
    /// <summary><see cref="ICloudStorage"/>. Section <c>CloudStorage</c>. Without rclone, mounting is refused with that reason.</summary>
    public static IServiceCollection AddCloudStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<CloudStorageOptions>(CloudStorageOptions.Section);
        services.AddSingleton<ICloudStorage, RcloneCloudStorage>();
        return services;
    }
}
