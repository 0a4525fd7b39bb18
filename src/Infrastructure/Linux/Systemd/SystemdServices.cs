using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Linux.Systemd;

public static class SystemdServices
{
    /// <summary><see cref="ISystemd"/> and the watchdog, which is silent unless the unit asks for it. Needs a <see cref="TimeProvider"/>.</summary>
    public static IServiceCollection AddSystemd(this IServiceCollection services)
    {
        services.AddOptions<SystemdOptions>()
            .BindConfiguration("Systemd")
            .Validate(o => o.StartTimeout > TimeSpan.Zero, "Systemd:StartTimeout must be above zero")
            .Validate(o => o.ReloadCheckInterval > TimeSpan.Zero, "Systemd:ReloadCheckInterval must be above zero")
            .Validate(o => o.Systemctl.Length > 0, "Systemd:Systemctl must name a program")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ISystemd, SystemdNotifier>();
        services.AddSingleton<ReloadWatch>();
        services.AddSingleton<StatusLine>();
        services.AddHostedService<WatchdogService>();
        return services;
    }

    /// <summary>The watchdog is pinged only while <paramref name="work"/> keeps returning.</summary>
    public static IServiceCollection AddWatchdogProbe(this IServiceCollection services, string name, Func<IServiceProvider, CancellationToken, Task> work) =>
        services.AddSingleton(provider => new WatchdogProbe(name, cancellationToken => work(provider, cancellationToken)));
}
