using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Storage.CloudStorage;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>
/// Creates the directory below which the user's drives are mounted later; otherwise dockerd creates the bind source with its own owner and
/// mode. The undo unmounts the drives, and removes the directory if it is empty.
/// </summary>
public sealed class PrepareCloudStorage(ICloudStorage cloudStorage) : IStep<MandelboxContext>
{
    public string Name => "cloud storage";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await cloudStorage.PrepareAsync(context.MandelboxId, cancellationToken);
        return StepResult.Done;
    }

    public Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        return cloudStorage.UnmountAllAsync(context.MandelboxId, cancellationToken);
    }
}
