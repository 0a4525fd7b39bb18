using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The mandelbox has reached a state.</summary>
public sealed class MoveTo(MandelboxState state) : IStep<MandelboxContext>
{
    public string Name => "state";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await context.State.MoveToAsync(state);
        return StepResult.Done;
    }
}
