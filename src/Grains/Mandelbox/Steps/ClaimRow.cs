using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Backend.Rows;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Claims the webserver's row of this mandelbox (<c>ALLOCATED</c> to <c>CONNECTING</c>); the undo deletes it (B7, B19).</summary>
public sealed class ClaimRow(IBackendDatabase database, string instanceName) : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Claim;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var refusal = await database.ClaimMandelboxAsync(
            instanceName, context.MandelboxId, context.RequiredRequest.UserId, cancellationToken);
        context.Row.IsClaimed = refusal is null;
        return refusal is null ? StepResult.Done : StepResult.Failed(refusal);
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // A row that was not claimed belongs to somebody else.
        if (context.Row.IsClaimed)
        {
            // DYING must not be written after the row was deleted.
            await context.Row.MarkedDying.WaitAsync(cancellationToken);
            await database.RemoveMandelboxAsync(context.MandelboxId, cancellationToken);
        }
    }
}
