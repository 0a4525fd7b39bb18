using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.UserConfigs;

public static class UserConfigsServices
{
    /// <summary>Registers <see cref="IUserConfigStore"/> from section <c>UserConfigs</c>.</summary>
    /// <param name="onByDefault">What <see cref="UserConfigsOptions.Enabled"/> means where it is not set: true in deployed
    /// environments.</param>
    public static IServiceCollection AddUserConfigs(this IServiceCollection services, IConfiguration configuration, bool onByDefault)
    {
        services.AddOptions<UserConfigsOptions>().Bind(configuration.GetSection("UserConfigs")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<UserConfigsOptions>, UserConfigsOptions.Validator>();
        services.AddSingleton<IUserConfigStore>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<UserConfigsOptions>>();
            return options.Value.Enabled ?? (onByDefault || options.Value.ServiceUrl is not null)
                ? new S3UserConfigStore(
                    options,
                    provider.GetService<TimeProvider>() ?? TimeProvider.System,
                    provider.GetRequiredService<ILogger<S3UserConfigStore>>())
                : new NoUserConfigs();
        });
        return services;
    }
}
