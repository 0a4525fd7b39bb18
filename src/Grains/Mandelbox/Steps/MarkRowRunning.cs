using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Backend.Rows;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Tells the webserver that the user can connect.</summary>
public sealed class MarkRowRunning(IBackendDatabase database) : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Announce;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // Set first: the write may succeed although its answer is lost.
        context.Row.MayBeRunning = true;
        if (await database.SetMandelboxStatusAsync(context.MandelboxId, MandelboxStatus.Running, cancellationToken))
        {
            return StepResult.Done;
        }

        context.Row.MayBeRunning = false;
        return StepResult.Failed($"mandelbox {context.MandelboxId} is no longer in the database: the webserver has removed it");
    }
}
