using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>Tells failed spin-ups that speak against this host from those that speak against the request.</summary>
internal static class SpinUpFaults
{
    /// <summary>Whether the next spin-up has to be expected to fail as well.</summary>
    public static bool IsHosts(StepFailure failure) => failure.Step switch
    {
        // A refused lease: the request names a port, or the host is full.
        SpinUpPhases.Lease or SpinUpPhases.Token or SpinUpPhases.Cancelled or SpinUpPhases.Ended => failure.Exception is not null,

        // Without an exception: refused by the row, no such image, or the row was removed meanwhile.
        SpinUpPhases.Claim or SpinUpPhases.Image or SpinUpPhases.Announce => failure.Exception is not null,

        // No such image, or the name of the container is taken.
        SpinUpPhases.Create =>
            failure.Exception is not ContainerEngineException { Failure: EngineFailure.NotFound or EngineFailure.NameTaken },
        _ => true,
    };
}
