using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.Firewall;

public static class FirewallServices
{
    /// <summary><see cref="IFirewall"/> by iptables. Section <c>Firewall</c>.</summary>
    public static IServiceCollection AddFirewall(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<FirewallOptions>()
            .BindConfiguration(FirewallOptions.Section)
            .Validate(o => !string.IsNullOrWhiteSpace(o.Shell), "Firewall:Shell is empty; name the shell, /bin/sh as a rule")
            .Validate(o => o.LoadTimeout > TimeSpan.Zero, "Firewall:LoadTimeout must be more than zero, for example 00:00:30")
            .Validate(o => o.CheckInterval > TimeSpan.Zero, "Firewall:CheckInterval must be more than zero, for example 00:00:30")
            .ValidateOnStart();
        services.AddSingleton<IFirewall, ScriptFirewall>();
        return services;
    }
}
