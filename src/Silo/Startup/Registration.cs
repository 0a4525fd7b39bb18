using HostService.Grains;
using HostService.Infrastructure.Backend.Rows;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Shutdown;

namespace HostService.Silo.Startup;

/// <summary>Takes this host's row in the backend's database over (B23).</summary>
public sealed class Registration(IBackendDatabase database, HostInfoSource facts, MetricsCache readings, WayOutRequest wayOut)
{
    /// <summary>
    /// What came of it. Where the webserver no longer wants this host the way out has been asked for; the row is ours to remove then, as in every other end (B26).
    /// </summary>
    /// <exception cref="StartRefusedException">The row is not ours.</exception>
    public async Task<RegistrationOutcome> RegisterAsync(CancellationToken cancellationToken)
    {
        var known = facts.Current;
        var identity = known.Identity;
        var capacity = known.Gpus.Count > 0 ? known.Gpus.Count * known.MandelboxesPerGpu : known.CpuOnlySlots;
        var answer = await database.RegisterAsync(
            new HostRegistration(
                identity.InstanceName, identity.InstanceId, identity.AmiId, identity.Region, identity.InstanceType, ServiceVersion.Commit, identity.PublicIpv4, capacity, readings.HostFigures()),
            cancellationToken);
        switch (answer.Outcome)
        {
            case RegistrationOutcome.Registered:
                break;
            case RegistrationOutcome.NotWanted:
                wayOut.Request(new End(EndCause.NotWanted, answer.Reason ?? "the webserver no longer wants this host", ExitCodes.Ended));
                break;
            default:
                throw new StartRefusedException(ExitCodes.Refused, $"This host's row in the database is not ours to take: {answer.Reason}");
        }

        return answer.Outcome;
    }
}
