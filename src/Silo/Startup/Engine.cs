using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Startup;

/// <summary>The container engine, which must answer before anything else makes sense.</summary>
public sealed partial class Engine(
    IContainerEngine engine, ISystemd systemd, RunningEnvironment running, IOptions<HostOptions> host, IOptions<DockerOptions> options, ILogger<Engine> logger)
{
    /// <summary>
    /// Starts the engine's unit where the service manages the system (B3). On a developer's machine the engine may run without systemd: there a failure is a warning, and
    /// <see cref="ReachAsync"/> decides.
    /// </summary>
    /// <exception cref="SystemdException">It did not start, and the environment is deployed.</exception>
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
                $"The container engine does not answer at {options.Value.Endpoint}: {exception.Message} Start it (systemctl start docker), or name another one with Docker__Endpoint.",
                exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Unit} was not started, which does no harm where the engine runs without it: {Why}")]
    private partial void LogNotStarted(string unit, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Container engine at {Endpoint}: {Version}, API {ApiVersion}")]
    private partial void LogEngine(string endpoint, string version, string apiVersion);
}
