using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.AppArmor;

public static class AppArmorServices
{
    /// <summary><see cref="IAppArmor"/> by the system's parser. Section <c>AppArmor</c>.</summary>
    public static IServiceCollection AddAppArmor(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<AppArmorOptions>()
            .BindConfiguration(AppArmorOptions.Section)
            .Validate(o => !string.IsNullOrWhiteSpace(o.Parser), "AppArmor:Parser is empty; name the program, apparmor_parser as a rule")
            .Validate(o => o.LoadTimeout > TimeSpan.Zero, "AppArmor:LoadTimeout must be more than zero, for example 00:00:30")
            .ValidateOnStart();
        services.TryAddSingleton<IAppArmor, ParserAppArmor>();
        return services;
    }
}
