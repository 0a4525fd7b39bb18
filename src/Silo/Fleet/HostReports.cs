using HostService.GrainInterfaces.Fleet;

namespace HostService.Silo.Fleet;

/// <summary>Makes the report of a host from what its grain says.</summary>
internal static class HostReports
{
    /// <param name="page">The address of the host's own page; empty where it is not known.</param>
    public static HostReport Of(
        HostDescription host, IReadOnlyList<MandelboxDescription> mandelboxes, HostUpgrade? upgrade, string page)
    {
        return new HostReport
        {
            Host = host.Identity.InstanceName,
            Address = host.Identity.PublicIpv4,
            Region = host.Identity.Region,
            InstanceType = host.Identity.InstanceType,
            Version = host.VersionNumber,
            StartedAt = host.StartedAt,
            Status = host.Status,
            NotReady = host.NotReady,
            Upgrade = upgrade,
            Page = page,
            Capacity = Math.Min(host.Slots.Capacity, host.Ttys.Capacity),
            Free = host.Free,
            GpuKinds = [.. host.Gpus.Where(gpu => gpu.Unhealthy is null).Select(gpu => gpu.Name).Distinct(StringComparer.Ordinal)],
            Waiting = mandelboxes
                .Where(m => m is { State: MandelboxState.Waiting, AppName: not null })
                .GroupBy(m => m.AppName!, StringComparer.Ordinal)
                .ToDictionary(app => app.Key, app => app.Count(), StringComparer.Ordinal),
            Mandelboxes =
            [
                .. mandelboxes
                    .Where(m => MandelboxIds.Fault(m.MandelboxId) is null)
                    .Select(m => new ReportedMandelbox(m.MandelboxId, m.State, m.AppName, m.CreatedAt)),
            ],
        };
    }
}
