using HostService.GrainInterfaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.AppArmor;

public static class AppArmorServices
{
    /// <summary><see cref="IAppArmor"/> by the system's parser. Section <c>AppArmor</c>.</summary>
    public static IServiceCollection AddAppArmor(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddValidatedOptions<AppArmorOptions>(AppArmorOptions.Section);
        services.TryAddSingleton<IAppArmor, ParserAppArmor>();
        return services;
    }
}
