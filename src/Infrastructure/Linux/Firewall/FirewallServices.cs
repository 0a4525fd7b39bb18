using HostService.GrainInterfaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.Firewall;

public static class FirewallServices
{
    /// <summary><see cref="IFirewall"/> by iptables. Section <c>Firewall</c>.</summary>
    public static IServiceCollection AddFirewall(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddValidatedOptions<FirewallOptions>(FirewallOptions.Section);
        services.AddSingleton<IFirewall, ScriptFirewall>();
        return services;
    }
}
