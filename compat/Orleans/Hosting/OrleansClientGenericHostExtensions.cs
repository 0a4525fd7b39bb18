using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Microsoft.Extensions.Hosting;

/// <summary>Puts a client of a silo elsewhere into a host. This is where one process ends: such a host says so when it starts.</summary>
public static class OrleansClientGenericHostExtensions
{
    public static IHostApplicationBuilder UseOrleansClient(this IHostApplicationBuilder hostAppBuilder) => hostAppBuilder.UseOrleansClient(_ => { });

    public static HostApplicationBuilder UseOrleansClient(this HostApplicationBuilder hostAppBuilder) => hostAppBuilder.UseOrleansClient(_ => { });

    public static IHostApplicationBuilder UseOrleansClient(this IHostApplicationBuilder hostAppBuilder, Action<IClientBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(hostAppBuilder);
        ArgumentNullException.ThrowIfNull(configureDelegate);
        configureDelegate(AddClient(hostAppBuilder.Services, hostAppBuilder.Configuration));
        return hostAppBuilder;
    }

    public static HostApplicationBuilder UseOrleansClient(this HostApplicationBuilder hostAppBuilder, Action<IClientBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(hostAppBuilder);
        ArgumentNullException.ThrowIfNull(configureDelegate);
        configureDelegate(AddClient(hostAppBuilder.Services, hostAppBuilder.Configuration));
        return hostAppBuilder;
    }

    public static IHostBuilder UseOrleansClient(this IHostBuilder hostBuilder) => hostBuilder.UseOrleansClient((_, _) => { });

    public static IHostBuilder UseOrleansClient(this IHostBuilder hostBuilder, Action<IClientBuilder> configureDelegate) =>
        hostBuilder.UseOrleansClient((_, clientBuilder) => configureDelegate(clientBuilder));

    public static IHostBuilder UseOrleansClient(this IHostBuilder hostBuilder, Action<HostBuilderContext, IClientBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(hostBuilder);
        ArgumentNullException.ThrowIfNull(configureDelegate);
        return hostBuilder.ConfigureServices((context, services) => configureDelegate(context, AddClient(services, context.Configuration)));
    }

    public static IServiceCollection AddOrleansClient(this IServiceCollection services, Action<IClientBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(configureDelegate);
        configureDelegate(AddClient(services, new ConfigurationBuilder().Build()));
        return services;
    }

    private static IClientBuilder AddClient(IServiceCollection services, IConfiguration configuration)
    {
        var marker = BuilderMarker.Find(services);
        if (marker is not null)
            return marker.Builder as IClientBuilder ?? throw BuilderMarker.SiloAndClient();
        var builder = new ClientBuilder(services, configuration);
        services.AddOptions();
        services.AddSingleton(new BuilderMarker(builder));
        services.AddSingleton<IClusterClient>(_ => throw RemoteClient.NotHere());
        services.AddSingleton<IGrainFactory>(_ => throw RemoteClient.NotHere());

        // First of all hosted services: nothing else of the host is to start for nothing.
        services.Insert(0, ServiceDescriptor.Singleton<IHostedService, RemoteClient>());
        return builder;
    }
}
