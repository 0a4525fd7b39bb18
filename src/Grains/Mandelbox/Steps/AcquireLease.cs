namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A TTY, three host ports and a GPU slot.</summary>
public sealed class AcquireLease(IHostGrain host) : LeaseStep(host)
{
    protected override Task<LeaseAnswer> RequestAsync(IHostGrain host, Guid leaseId, MandelboxContext context) =>
        host.AcquireLease(new LeaseRequest(leaseId, context.MandelboxId, context.RequiredRequest.RequestedPorts));
}
