using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Input;

public static class InputServices
{
    /// <summary><see cref="IInputDevices"/> by the kernel's uinput. Section <c>Input</c>.</summary>
    public static IServiceCollection AddInputDevices(this IServiceCollection services)
    {
        services.AddValidatedOptions<InputOptions>(InputOptions.Section);
        services.TryAddSingleton<IUinputKernel, UinputKernel>();
        services.TryAddSingleton<IInputDevices, UinputInputDevices>();
        return services;
    }
}
