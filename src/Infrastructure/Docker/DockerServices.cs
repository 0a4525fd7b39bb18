using HostService.Infrastructure.Linux;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Docker;

public static class DockerServices
{
    /// <summary>
    /// <see cref="IContainerEngine"/> on Docker, and <see cref="ContainerEventStream"/>, which the caller runs; the watchdog checks its
    /// progress. Section <c>Docker</c>. Needs <see cref="HostOptions"/> and <see cref="LinuxServices.AddSystemd"/>.
    /// </summary>
    public static IServiceCollection AddDockerEngine(this IServiceCollection services)
    {
        services.AddValidatedOptions<DockerOptions>(DockerOptions.Section);
        services.AddSingleton<IContainerEngine, DockerEngine>();
        services.AddSingleton<ContainerEventStream>();
        services.AddWatchdogProbe(
            "the event stream", (provider, token) => provider.GetRequiredService<ContainerEventStream>().ProveProgressAsync(token));
        return services;
    }
}
