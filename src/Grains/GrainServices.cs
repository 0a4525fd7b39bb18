using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Grains;

/// <summary>Registers the services of the grains.</summary>
public static class GrainServices
{
    public static IServiceCollection AddMandelboxes(this IServiceCollection services)
    {
        services.AddOptions<MandelboxOptions>().BindConfiguration("Mandelbox").ValidateOnStart();
        services.AddSingleton<IValidateOptions<MandelboxOptions>>(new Validator());
        services.AddSingleton<HostInfoSource>();
        services.AddSingleton<ContainerCapabilitiesSource>();
        services.AddSingleton<ProvisioningPlans>();
        services.AddSingleton<ContainerEventDispatcher>();
        return services;
    }

    private sealed class Validator : IValidateOptions<MandelboxOptions>
    {
        public ValidateOptionsResult Validate(string? name, MandelboxOptions options) =>
            options.Validate().ToList() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
