using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Fails the spin-up when the container has ended in the meantime.</summary>
public sealed class CheckContainerRuns(IContainerEngine engine) : IStep<MandelboxContext>
{
    public string Name => "alive";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken) =>
        await engine.InspectAsync(context.Container.RequiredId, cancellationToken) switch
        {
            { Running: true } when context.Lease?.Sandbox is { } sandbox && sandbox == context.LostSandbox =>
                StepResult.Failed($"its network sandbox {sandbox} ended during the spin-up"),
            { Running: true } => StepResult.Done,
            null => StepResult.Failed("the container was removed during the spin-up"),
            { OutOfMemory: true, ExitCode: { } code } =>
                StepResult.Failed($"the container ran out of memory during the spin-up (exit code {code})"),
            { ExitCode: { } code } => StepResult.Failed($"the container ended during the spin-up (exit code {code})"),
            _ => StepResult.Failed("the container ended during the spin-up"),
        };
}
