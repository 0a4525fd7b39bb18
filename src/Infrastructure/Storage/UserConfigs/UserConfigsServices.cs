using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Storage.UserConfigs;

public static class UserConfigsServices
{
    /// <summary><see cref="IUserConfigStore"/> from section <c>UserConfigs</c>.</summary>
    /// <param name="onByDefault">The default of <see cref="UserConfigsOptions.Enabled"/>: true in deployed environments.</param>
    public static IServiceCollection AddUserConfigs(this IServiceCollection services, bool onByDefault)
    {
        services.AddValidatedOptions<UserConfigsOptions>(UserConfigsOptions.Section);
        services.AddSingleton<IUserConfigStore>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<UserConfigsOptions>>();
            return options.Value.Enabled ?? (onByDefault || options.Value.ServiceUrl is not null)
                ? new S3UserConfigStore(
                    options,
                    provider.GetRequiredService<TimeProvider>(),
                    provider.GetRequiredService<ILogger<S3UserConfigStore>>())
                : new NoUserConfigs();
        });
        return services;
    }
}
