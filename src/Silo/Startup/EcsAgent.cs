using HostService.Gateway;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;

namespace HostService.Silo.Startup;

/// <summary>
/// Starts the ECS agent's own unit in deployed environments (B29), after everything else: an agent calls this service as soon as it runs.
/// Does not stop it: the machine is turned off after the service has ended.
/// </summary>
public sealed partial class EcsAgent(
    RunningEnvironment running, IOptions<HostOptions> host, IOptions<EcsOptions> ecs, ISystemd systemd, ILogger<EcsAgent> logger)
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!ecs.Value.Enabled || !host.Value.ManageSystem || !running.Value.IsDeployed)
        {
            return;
        }

        try
        {
            await systemd.StartUnitAsync(ecs.Value.AgentUnit, cancellationToken);
            LogStarted(ecs.Value.AgentUnit);
        }
        catch (SystemdException exception)
        {
            throw new StartRefusedException(
                ExitCodes.Failed,
                $"The ECS agent's unit could not be started: {exception.Message} "
                + "Install the agent, name its unit with Ecs__AgentUnit, or set Ecs__Enabled=false.",
                exception);
        }
    }

    [LoggerMessage(LogLevel.Information, "The ECS agent runs ({Unit})")]
    private partial void LogStarted(string unit);
}
