using HostService.Machine.Docker;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Startup;

/// <summary>The container engine, which must answer before anything else makes sense.</summary>
public sealed partial class Engine(IContainerEngine engine, IOptions<DockerOptions> options, ILogger<Engine> logger)
{
    public async Task<EngineInfo> ReachAsync(CancellationToken cancellationToken)
    {
        try
        {
            var info = await engine.PingAsync(cancellationToken);
            LogEngine(options.Value.Endpoint, info.Version, info.ApiVersion);
            return info;
        }
        catch (ContainerEngineException error)
        {
            throw new StartRefusedException(
                ExitCodes.EngineLost,
                $"The container engine does not answer at {options.Value.Endpoint}: {error.Message} Start it (systemctl start docker), or name another one with Docker__Endpoint.",
                error);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Container engine at {Endpoint}: {Version}, API {ApiVersion}")]
    private partial void LogEngine(string endpoint, string version, string apiVersion);
}
