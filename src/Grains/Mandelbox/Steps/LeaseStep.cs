using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A lease from the host; the undo releases it once the container no longer uses it.</summary>
/// <param name="published">In ECS mode the ports that the container publishes already (B29); null to lease three.</param>
/// <param name="timeout">Also for the wait in the host's queue; null for that of any step.</param>
/// <param name="endWaiting">Ends a mandelbox that waits, where the host says that this makes room; null where it may not.</param>
public sealed class LeaseStep(
    IHostGrain host,
    IReadOnlyList<PortBinding>? published = null,
    TimeSpan? timeout = null,
    Func<string, Task>? endWaiting = null) : IStep<MandelboxContext>
{
    /// <summary>Null while nothing has to be released.</summary>
    private Guid? _leaseId;

    public string Name => SpinUpPhases.Lease;

    public TimeSpan? Timeout => timeout;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (context.Lease is not null)
        {
            return StepResult.Done;
        }

        var answer = await AcquireAsync(context, cancellationToken);
        var ended = new HashSet<string>(StringComparer.Ordinal);
        while (answer is { Lease: null, Waiting: { } waiting } && endWaiting is not null)
        {
            // One that could not be ended at once, such as while the engine is away, is waited for as anything else.
            var isNew = ended.Add(waiting);
            await (isNew ? endWaiting(waiting).WaitAsync(cancellationToken) : Task.CompletedTask);
            answer = await AcquireAsync(context, cancellationToken, canEndWaiting: isNew);
        }

        context.Lease = answer.Lease;
        context.Waiting = answer.Lease is null ? null : answer.Waiting;
        return answer.Refusal is { } refusal ? StepResult.Failed(refusal) : StepResult.Done;
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        if ((context.Lease?.Id ?? _leaseId) is { } id)
        {
            await host.ReleaseLease(context.MandelboxId, id);
            context.FormerLease = context.Lease ?? context.FormerLease;
            (context.Lease, context.Waiting, _leaseId) = (null, null, null);
        }
    }

    private async Task<LeaseAnswer> AcquireAsync(
        MandelboxContext context, CancellationToken cancellationToken, bool canEndWaiting = true)
    {
        // Chosen here: the undo releases the lease even if the answer is lost.
        var id = Guid.NewGuid();
        _leaseId = id;
        if (published is not null)
        {
            return await host.AdoptLease(id, context.MandelboxId, published);
        }

        var request = context.RequiredRequest;
        var adopts = endWaiting is null || context.StartsCold ? null : request.AppName;
        return await host.AcquireLease(new LeaseRequest(id, context.MandelboxId, request.RequestedPorts, adopts, canEndWaiting))
            .WaitAsync(cancellationToken);
    }
}
