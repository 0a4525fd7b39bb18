using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A lease from the host; the undo releases it once the container no longer uses it.</summary>
/// <param name="published">In ECS mode the ports that the container publishes already (B29); null to lease three.</param>
public sealed class LeaseStep(IHostGrain host, IReadOnlyList<PortBinding>? published = null) : IStep<MandelboxContext>
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
        var answer = published is null
            ? await host.AcquireLease(new LeaseRequest(_leaseId, context.MandelboxId, context.RequiredRequest.RequestedPorts))
            : await host.AdoptLease(_leaseId, context.MandelboxId, published);
        context.Lease = answer.Lease;
        return answer.Refusal is { } refusal ? StepResult.Failed(refusal) : StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        await host.ReleaseLease(context.MandelboxId, context.Lease?.Id ?? _leaseId);
        context.Lease = null;
    }
}
