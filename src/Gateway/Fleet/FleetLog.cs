using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Gateway.Fleet;

/// <summary>The log of the fleet's gateway.</summary>
internal static partial class FleetLog
{
    public static ILogger Of(IServiceProvider services) =>
        services.GetRequiredService<ILoggerFactory>().CreateLogger("HostService.Gateway.Fleet");

    /// <summary>A request that failed. What an outage explains (a dead control silo, a database that is away) needs no stack.</summary>
    public static void Outage(IServiceProvider services, string what, Exception exception) => LogOutage(
        Of(services),
        exception is OrleansException or TimeoutException or DbException ? null : exception,
        what,
        exception.GetBaseException().Message);

    [LoggerMessage(LogLevel.Warning, "{What} failed: {Reason}")]
    private static partial void LogOutage(ILogger logger, Exception? exception, string what, string reason);
}
