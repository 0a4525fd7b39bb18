using System.Diagnostics.CodeAnalysis;
using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Starts the container; the undo stops it and returns once the engine reports its end.</summary>
public sealed class StartContainer(IContainerEngine engine, TimeSpan stopGrace) : IStep<MandelboxContext>
{
    private const string StepName = "start";

    public string Name => StepName;

    /// <summary>
    /// Whether another lease and container may help: meanwhile the port was taken, the container removed, or the network sandbox ended.
    /// </summary>
    public static bool CanRetry([NotNullWhen(true)] StepFailure? failure) => failure
        is { Exception: ContainerEngineException { Failure: EngineFailure.NetworkGone } }
        or { Step: StepName, Exception: ContainerEngineException { Failure: EngineFailure.PortTaken or EngineFailure.NotFound } };

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await engine.StartAsync(context.Container.RequiredId, cancellationToken);
        return StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await engine.StopAsync(context.Container.RequiredId, stopGrace, cancellationToken);
        context.Container.MayRun = false;
    }
}
