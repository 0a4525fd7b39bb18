using System.Runtime.CompilerServices;
using HostService.Grains.Fleet;
using HostService.Grains.Host;
using HostService.Grains.Host.Consistency;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Storage.Records;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Grains;

public static class GrainServices
{
    public static IServiceCollection AddMandelboxes(this IServiceCollection services)
    {
        // Its counters begin at 0 with the service, not with the first mandelbox.
        RuntimeHelpers.RunClassConstructor(typeof(MandelboxMeter).TypeHandle);
        services.AddValidatedOptions<MandelboxOptions>("Mandelbox");
        services.AddValidatedOptions<WarmUpOptions>("WarmUp");
        services.AddValidatedOptions<QueueOptions>(QueueOptions.Section);
        services.AddValidatedOptions<WarmPoolOptions>(WarmPoolOptions.Section);
        services.AddValidatedOptions<DiskOptions>(DiskOptions.Section);
        services.AddSingleton<DiskQuotas>();
        services.AddSingleton<HostInfoSource>();
        services.AddSingleton<ContainerCapabilitiesSource>();
        services.AddSingleton<AgentContainers>();
        services.AddSingleton<MandelboxRecords>();
        services.AddSingleton<ProvisioningPlans>();
        services.AddSingleton<ContainerEventDispatcher>();
        services.AddSingleton<SandboxKeeper>();
        services.AddSingleton<IMandelboxWatcher>(provider => provider.GetRequiredService<SandboxKeeper>());
        services.AddSingleton<WarmPoolKeeper>();
        services.AddSingleton<IMandelboxWatcher>(provider => provider.GetRequiredService<WarmPoolKeeper>());
        services.AddValidatedOptions<ConsistencyOptions>("Consistency");
        services.AddSingleton(_ => new ContainerProcesses());
        services.AddSingleton<InventoryTaker>();
        services.AddSingleton<ConsistencyCheck>();
        return services;
    }

    /// <summary>What the grains of a fleet need in its silos, beside a grain storage named <c>FleetStorage.Name</c>.</summary>
    public static IServiceCollection AddFleetGrains(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddValidatedOptions<FleetOptions>(FleetOptions.Section);
        return services;
    }
}
