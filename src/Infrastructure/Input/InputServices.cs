using HostService.Infrastructure.Input.Native;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace HostService.Infrastructure.Input;

public static class InputServices
{
    /// <summary><see cref="IInputDevices"/> by the kernel's uinput. Section <c>Input</c>.</summary>
    public static IServiceCollection AddInputDevices(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<InputOptions>()
            .BindConfiguration(InputOptions.Section)
            .Validate(o => Path.IsPathRooted(o.DevicePath), "Input:DevicePath must be an absolute path, /dev/uinput as a rule")
            .Validate(o => Path.IsPathRooted(o.SysRoot), "Input:SysRoot must be an absolute path, /sys/devices/virtual/input as a rule")
            .Validate(o => Path.IsPathRooted(o.NodeRoot), "Input:NodeRoot must be an absolute path, /dev/input as a rule")
            .Validate(o => o.NodeTimeout > TimeSpan.Zero, "Input:NodeTimeout must be more than zero, for example 00:00:02")
            .ValidateOnStart();
        services.TryAddSingleton<IUinputKernel, UinputKernel>();
        services.TryAddSingleton<IInputDevices, UinputInputDevices>();
        return services;
    }
}
