using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A lease from the host; the undo releases it once the container no longer uses it.</summary>
public abstract class LeaseStep(IHostGrain host) : IStep<MandelboxContext>
{
    private Guid _leaseId;

    public string Name => "lease";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (context.Lease is not null)
        {
            return StepResult.Done;
        }

        // Chosen here: the undo releases the lease even if the answer is lost.
        _leaseId = Guid.NewGuid();
        var answer = await RequestAsync(host, _leaseId, context);
        context.Lease = answer.Lease;
        return answer.Refusal is { } refusal ? StepResult.Failed(refusal) : StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        await host.ReleaseLease(context.MandelboxId, context.Lease?.Id ?? _leaseId);
        context.Lease = null;
    }

    protected abstract Task<LeaseAnswer> RequestAsync(IHostGrain host, Guid leaseId, MandelboxContext context);
}
