using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;

namespace Orleans.Runtime;

internal sealed record SiloBuilder(IServiceCollection Services, IConfiguration Configuration) : ISiloBuilder;

internal sealed record ClientBuilder(IServiceCollection Services, IConfiguration Configuration) : IClientBuilder;

/// <summary>Finds the builder again where a host is configured in several places.</summary>
internal sealed record BuilderMarker(object Builder)
{
    public static BuilderMarker? Find(IServiceCollection services) =>
        services.FirstOrDefault(d => d.ServiceType == typeof(BuilderMarker))?.ImplementationInstance as BuilderMarker;

    public static OrleansConfigurationException SiloAndClient() => new(
        "A host is a silo or a client, not both: a silo's host has an IClusterClient already, so UseOrleansClient can be left out.");
}
