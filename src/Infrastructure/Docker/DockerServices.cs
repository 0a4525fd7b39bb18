using HostService.Infrastructure.Linux.Systemd;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Docker;

public static class DockerServices
{
    /// <summary>
    /// <see cref="IContainerEngine"/> on Docker and <see cref="ContainerEventStream"/>, which somebody has to run; the watchdog asks it for progress. Needs
    /// <see cref="HostOptions"/> and <see cref="SystemdServices.AddSystemd"/>.
    /// </summary>
    public static IServiceCollection AddDockerEngine(this IServiceCollection services)
    {
        services.AddOptions<DockerOptions>().BindConfiguration("Docker").ValidateOnStart();
        services.AddSingleton<IValidateOptions<DockerOptions>, DockerOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IContainerEngine, DockerEngine>();
        services.AddSingleton<ContainerEventStream>();
        services.AddWatchdogProbe("the event stream", (provider, token) => provider.GetRequiredService<ContainerEventStream>().ProveProgressAsync(token));
        return services;
    }
}
