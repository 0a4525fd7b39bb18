using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Fleet;

/// <summary>The log of what is static.</summary>
internal static class FleetLog
{
    public static ILogger Of(IServiceProvider services) =>
        services.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Fleet");
}
