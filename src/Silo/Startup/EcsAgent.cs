using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Startup;

/// <summary>
/// Starts the ECS agent's own unit in deployed environments (B29). It comes after everything else has started: an agent that runs calls us at once, and must
/// find the server there.
/// </summary>
public sealed partial class EcsAgent(RunningEnvironment running, IOptions<HostOptions> host, IOptions<EcsOptions> ecs, ISystemd systemd, ILogger<EcsAgent> logger)
    : IHostedLifecycleService
{
    public async Task StartedAsync(CancellationToken cancellationToken)
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
                ExitCodes.Failed, $"The ECS agent's unit could not be started: {exception.Message} Install the agent, name its unit with Ecs__AgentUnit, or set Ecs__Enabled=false.", exception);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The agent is left running: it is systemd's, and the machine's end is near.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "The ECS agent runs ({Unit})")]
    private partial void LogStarted(string unit);
}
