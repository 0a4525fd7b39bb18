using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.CloudStorage;

public static class CloudStorageServices
{
    /// <summary>
    /// Registers <see cref="ICloudStorage"/> from section <c>CloudStorage</c>. Where rclone is not installed, mounting says so.
    /// </summary>
    public static IServiceCollection AddCloudStorage(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<CloudStorageOptions>().Bind(configuration.GetSection("CloudStorage")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CloudStorageOptions>, CloudStorageOptions.Validator>();
        services.AddSingleton<ICloudStorage, RcloneCloudStorage>();
        return services;
    }
}
