using HostService.Grains;
using HostService.Machine.Database;
using HostService.Silo.Background;
using HostService.Silo.Hosting;
using HostService.Silo.Shutdown;

namespace HostService.Silo.Startup;

/// <summary>Takes this host's row in the backend's database over (B23).</summary>
public sealed class Registration(IBackendDatabase database, HostFactsSource facts, MachineReadings readings, WayOutRequest wayOut)
{
    /// <summary>True when the row is ours. False when the webserver no longer wants this host: the way out has been asked for.</summary>
    public async Task<bool> RegisterAsync(CancellationToken cancellationToken)
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
                return true;
            case RegistrationOutcome.NotWanted:
                wayOut.Request(new End(EndCause.NotWanted, answer.Reason ?? "the webserver no longer wants this host", ExitCodes.Ended));
                return false;
            default:
                throw new StartRefusedException(ExitCodes.Refused, $"This host's row in the database is not ours to take: {answer.Reason}");
        }
    }
}
