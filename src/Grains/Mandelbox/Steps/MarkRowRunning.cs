using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Backend.Rows;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Tells the webserver that the user can connect.</summary>
public sealed class MarkRowRunning(IBackendDatabase database) : IStep<MandelboxContext>
{
    public string Name => "announce";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // Set first: the write may succeed although its answer is lost.
        context.Row.MayBeRunning = true;
        await database.SetMandelboxStatusAsync(context.MandelboxId, "RUNNING", cancellationToken);
        return StepResult.Done;
    }
}
