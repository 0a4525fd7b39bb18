using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Infrastructure.Linux.Systemd;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Linux;

public static class LinuxServices
{
    /// <summary><see cref="IAppArmor"/> by the system's parser. Section <c>AppArmor</c>.</summary>
    public static IServiceCollection AddAppArmor(this IServiceCollection services)
    {
        services.AddValidatedOptions<AppArmorOptions>(AppArmorOptions.Section);
        return services.AddSingleton<IAppArmor, ParserAppArmor>();
    }

    /// <summary><see cref="IFirewall"/> by iptables. Section <c>Firewall</c>.</summary>
    public static IServiceCollection AddFirewall(this IServiceCollection services)
    {
        services.AddValidatedOptions<FirewallOptions>(FirewallOptions.Section);
        return services.AddSingleton<IFirewall, ScriptFirewall>();
    }

    /// <summary><see cref="ISystemd"/> and the watchdog, which runs only with <c>WatchdogSec=</c>. Section <c>Systemd</c>.</summary>
    public static IServiceCollection AddSystemd(this IServiceCollection services)
    {
        services.AddValidatedOptions<SystemdOptions>(SystemdOptions.Section);
        services.AddSingleton<SystemdNotifier>();
        services.AddSingleton<ISystemd>(provider => provider.GetRequiredService<SystemdNotifier>());
        services.AddSingleton<IDescriptorStore>(provider => provider.GetRequiredService<SystemdNotifier>());
        services.AddSingleton<ReloadWatch>();
        services.AddSingleton<StatusLine>();
        return services.AddHostedService<WatchdogService>();
    }

    /// <summary>The watchdog is notified only while <paramref name="work"/> keeps returning.</summary>
    public static IServiceCollection AddWatchdogProbe(
        this IServiceCollection services, string name, Func<IServiceProvider, CancellationToken, Task> work) =>
        services.AddSingleton(provider => new WatchdogProbe(name, cancellationToken => work(provider, cancellationToken)));
}
