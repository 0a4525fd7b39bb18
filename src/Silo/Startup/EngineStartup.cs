using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>Starts the container engine and checks that it answers.</summary>
public sealed partial class EngineStartup(
    IContainerEngine engine,
    ISystemd systemd,
    RunningEnvironment running,
    IOptions<HostOptions> host,
    IOptions<DockerOptions> options,
    ILogger<EngineStartup> logger)
{
    /// <summary>
    /// Starts the engine's unit where the service manages the system (B3). A developer's machine may run the engine without systemd: there
    /// a failure is a warning, and <see cref="ReachAsync"/> decides.
    /// </summary>
    /// <exception cref="SystemdException">The unit did not start in a deployed environment.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var unit = options.Value.Unit;
        if (!host.Value.ManageSystem || unit.Length == 0)
        {
            return;
        }

        try
        {
            await systemd.StartUnitAsync(unit, cancellationToken);
        }
        catch (SystemdException exception) when (running.Value.IsLocal)
        {
            LogNotStarted(unit, exception.Message);
        }
    }

    public async Task<EngineInfo> ReachAsync(CancellationToken cancellationToken)
    {
        try
        {
            var info = await engine.PingAsync(cancellationToken);
            LogEngine(options.Value.Endpoint, info.Version, info.ApiVersion);
            return info;
        }
        catch (ContainerEngineException exception)
        {
            throw new StartRefusedException(
                ExitCodes.EngineLost,
                $"The container engine does not answer at {options.Value.Endpoint}: {exception.Message.TrimEnd('.')}. "
                + "Start it (systemctl start docker), or name another one with Docker__Endpoint.",
                exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Unit} was not started; the engine may run without it: {Reason}")]
    private partial void LogNotStarted(string unit, string reason);

    [LoggerMessage(LogLevel.Information, "Container engine at {Endpoint}: {Version}, API {ApiVersion}")]
    private partial void LogEngine(string endpoint, string version, string apiVersion);
}
