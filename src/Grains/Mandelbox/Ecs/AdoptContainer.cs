using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Ecs;

/// <summary>Adopts the agent's running container; the undo stops it. The agent removes it.</summary>
public sealed class AdoptContainer(IContainerEngine engine, AgentContainers agentContainers, string containerId, TimeSpan stopGrace)
    : IStep<MandelboxContext>
{
    public string Name => "adopt";

    public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        (context.Container.Id, context.Container.MayRun) = (containerId, true);
        return Task.FromResult(StepResult.Done);
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await engine.StopAsync(containerId, stopGrace, cancellationToken);
        context.Container.MayRun = false;
        agentContainers.RemoveLater(containerId);
    }
}
