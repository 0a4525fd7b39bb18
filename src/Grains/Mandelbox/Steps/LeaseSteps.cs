using HostService.GrainInterfaces;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A TTY, three host ports and a GPU slot from the host's authority.</summary>
public sealed class TakeLease(IHostGrain host) : IMandelboxStep
{
    public string Name => "lease";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var answer = await host.TakeLease(new LeaseRequest(run.MandelboxId, run.RequiredRequest.RequestedPorts));
        run.Lease = answer.Lease;
        return answer.Refusal is { } why ? StepResult.Failed(why) : StepResult.Done;
    }

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken) => GiveBackAsync(host, run);

    /// <summary>Gives a lease back, but not while a container may still hold its ports, its TTY or its GPU.</summary>
    internal static async Task GiveBackAsync(IHostGrain host, MandelboxRun run)
    {
        if (run.Lease is not { } lease)
        {
            return;
        }

        if (!run.ContainerEnded)
        {
            throw new InvalidOperationException($"the lease of {run.MandelboxId} is kept: the engine has not said that its container has ended");
        }

        await host.GiveBackLease(run.MandelboxId, lease.Id);
    }
}

/// <summary>A TTY and a GPU slot for a container that somebody else made and started (B29).</summary>
public sealed class AdoptLease(IHostGrain host, IReadOnlyList<PortBinding> ports) : IMandelboxStep
{
    public string Name => "lease";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var answer = await host.AdoptLease(run.MandelboxId, ports);
        run.Lease = answer.Lease;
        return answer.Refusal is { } why ? StepResult.Failed(why) : StepResult.Done;
    }

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken) => TakeLease.GiveBackAsync(host, run);
}
