using HostService.GrainInterfaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.Systemd;

public static class SystemdServices
{
    /// <summary>
    /// <see cref="ISystemd"/> and the watchdog, which runs only when the unit has <c>WatchdogSec=</c>. Section <c>Systemd</c>.
    /// </summary>
    public static IServiceCollection AddSystemd(this IServiceCollection services)
    {
        services.AddValidatedOptions<SystemdOptions>(SystemdOptions.Section);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ISystemd, SystemdNotifier>();
        services.AddSingleton<ReloadWatch>();
        services.AddSingleton<StatusLine>();
        services.AddHostedService<WatchdogService>();
        return services;
    }

    /// <summary>The watchdog is notified only while <paramref name="work"/> keeps returning.</summary>
    public static IServiceCollection AddWatchdogProbe(
        this IServiceCollection services, string name, Func<IServiceProvider, CancellationToken, Task> work) =>
        services.AddSingleton(provider => new WatchdogProbe(name, cancellationToken => work(provider, cancellationToken)));
}
