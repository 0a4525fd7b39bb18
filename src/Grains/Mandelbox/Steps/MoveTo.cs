using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The mandelbox has reached a state. It never moves back: when the step is retried, the state stays.</summary>
public sealed class MoveTo(MandelboxState state) : IStep<MandelboxContext>
{
    private bool _isDone;

    public string Name => "state";

    public bool IsShown => false;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (!_isDone)
        {
            await context.State.MoveToAsync(state);
            _isDone = true;
        }

        return StepResult.Done;
    }
}
