using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A lease from the host; the undo releases it once the container no longer uses it.</summary>
/// <param name="published">In ECS mode the ports that the container publishes already (B29); null to lease three.</param>
/// <param name="timeout">Also for the wait in the host's queue; null for that of any step.</param>
public sealed class LeaseStep(IHostGrain host, IReadOnlyList<PortBinding>? published = null, TimeSpan? timeout = null)
    : IStep<MandelboxContext>
{
    /// <summary>Null while nothing has to be released.</summary>
    private Guid? _leaseId;

    public string Name => "lease";

    public TimeSpan? Timeout => timeout;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (context.Lease is not null)
        {
            return StepResult.Done;
        }

        // Chosen here: the undo releases the lease even if the answer is lost.
        var id = Guid.NewGuid();
        _leaseId = id;
        var answer = published is null
            ? await host.AcquireLease(new LeaseRequest(id, context.MandelboxId, context.RequiredRequest.RequestedPorts))
                .WaitAsync(cancellationToken)
            : await host.AdoptLease(id, context.MandelboxId, published);
        context.Lease = answer.Lease;
        return answer.Refusal is { } refusal ? StepResult.Failed(refusal) : StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        if ((context.Lease?.Id ?? _leaseId) is { } id)
        {
            await host.ReleaseLease(context.MandelboxId, id);
            (context.Lease, _leaseId) = (null, null);
        }
    }
}
