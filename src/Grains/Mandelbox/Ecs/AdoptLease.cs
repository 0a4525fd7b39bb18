using HostService.Grains.Mandelbox.Steps;

namespace HostService.Grains.Mandelbox.Ecs;

/// <summary>A TTY and a GPU slot for a container that already publishes its ports (B29).</summary>
public sealed class AdoptLease(IHostGrain host, IReadOnlyList<PortBinding> ports) : LeaseStep(host)
{
    protected override Task<LeaseAnswer> RequestAsync(IHostGrain host, Guid leaseId, MandelboxContext context) =>
        host.AdoptLease(leaseId, context.MandelboxId, ports);
}
