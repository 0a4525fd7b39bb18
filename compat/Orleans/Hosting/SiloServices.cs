using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Timers;

namespace Orleans.Runtime;

/// <summary>What a silo is made of.</summary>
internal static class SiloServices
{
    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions();
        services.AddLogging();
        var section = configuration.GetSection("Orleans");
        services.Configure<ClusterOptions>(section);
        services.Configure<SiloOptions>(options => options.SiloName = section["Name"] ?? options.SiloName);
        services.Configure<EndpointOptions>(options =>
        {
            var endpoints = section.GetSection("Endpoints");
            options.AdvertisedIPAddress = IPAddress.TryParse(endpoints[nameof(EndpointOptions.AdvertisedIPAddress)], out var address) ? address : options.AdvertisedIPAddress;
            options.SiloPort = endpoints.GetValue(nameof(EndpointOptions.SiloPort), options.SiloPort);
            options.GatewayPort = endpoints.GetValue(nameof(EndpointOptions.GatewayPort), options.GatewayPort);
        });
        if (section["Clustering:ProviderType"] == "Development")
            services.AddSingleton<ClusteringChosen>();

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<GrainClasses>();
        services.AddSingleton<GrainProfiler>();
        services.AddSingleton<SiloRuntime>();
        services.AddSingleton<ITimerRegistry, TimerRegistry>();
        services.AddSingleton<IGrainRuntime, GrainRuntime>();
        services.AddSingleton<IGrainContextAccessor, GrainContextAccessor>();
        services.AddScoped<CurrentActivation>();
        services.AddScoped<IGrainContext>(sp => sp.GetRequiredService<CurrentActivation>().Activation
            ?? throw new InvalidOperationException($"{nameof(IGrainContext)} belongs to an activation: only a grain, or what it is made with, can ask for it."));
        services.AddSingleton<IGrainFactory>(sp => sp.GetRequiredService<SiloRuntime>().Calls.Factory);
        services.AddSingleton<IClusterClient>(sp => new ClusterClient(sp.GetRequiredService<SiloRuntime>().Calls.Factory, sp));

        services.AddSingleton<IConfigurationValidator, ClusterValidator>();
        services.AddSingleton<IConfigurationValidator, ClusteringValidator>();
        services.AddSingleton<IConfigurationValidator, CollectionValidator>();
        services.AddSingleton<IConfigurationValidator, SignatureValidator>();

        services.AddSingleton<SiloLifecycle>();
        services.AddSingleton<ISiloLifecycle>(sp => sp.GetRequiredService<SiloLifecycle>());
        services.AddSingleton<IHostedService, SiloHostedService>();
    }
}

/// <summary>Starts and stops the silo with its host.</summary>
internal sealed class SiloHostedService(
    IServiceProvider services, SiloLifecycle lifecycle, IEnumerable<IConfigurationValidator> validators) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var validator in validators)
            validator.ValidateConfiguration();
        var silo = services.GetRequiredService<SiloRuntime>();
        lifecycle.Subscribe(nameof(SiloRuntime), ServiceLifecycleStage.RuntimeInitialize, _ => Do(silo.Start), _ => Do(silo.Stop));
        lifecycle.Subscribe("grains", ServiceLifecycleStage.GrainDeactivation, _ => Task.CompletedTask, silo.StopGrains);
        foreach (var participant in services.GetServices<ILifecycleParticipant<ISiloLifecycle>>())
            participant.Participate(lifecycle);
        try
        {
            await lifecycle.OnStart(cancellationToken);
        }
        catch (Exception)
        {
            // Half a silo is taken down again, and the host hears why.
            await lifecycle.OnStop(CancellationToken.None);
            throw;
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => lifecycle.OnStop(cancellationToken);

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
