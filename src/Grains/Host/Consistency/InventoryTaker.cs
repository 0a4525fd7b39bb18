using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Storage.Records;

namespace HostService.Grains.Host.Consistency;

/// <summary>Looks at everything of mandelboxes that is on this host, and then asks the mandelboxes.</summary>
public sealed partial class InventoryTaker(
    IGrainFactory grains,
    HostInfoSource info,
    IContainerEngine engine,
    IBackendDatabase database,
    ContainerProcesses processes,
    MandelboxRecords records,
    IOptions<HostOptions> options,
    ILogger<InventoryTaker> logger)
{
    private const string InputSocket = "uinput.sock";

    private string? _engineFault;
    private string? _databaseFault;

    public async Task<Inventory> TakeAsync(CancellationToken cancellationToken)
    {
        var host = grains.GetGrain<IHostGrain>(HostKeys.Host(info.Current.Identity.InstanceName));
        var listed = await host.ListMandelboxes();
        var leases = await host.ListLeases();
        var containers = ListContainersAsync(listed, cancellationToken);
        var rows = ListRowsAsync(cancellationToken);
        List<Thing> things =
        [
            .. listed.Select(m => new Thing(DifferenceKind.List, m.MandelboxId, m.MandelboxId)),
            .. leases.Select(l => new Thing(DifferenceKind.Lease, l.MandelboxId, l.Id.ToString())),
            .. await Task.Run(ListFiles, cancellationToken),
        ];
        await Task.WhenAll(containers, rows);
        var ended = listed.Select(m => m.ContainerId).OfType<string>().Where(processes.HasEnded).ToHashSet(StringComparer.Ordinal);

        // Last: what was seen above belongs to a mandelbox that is known by now, if to any.
        var owners = things.Select(thing => thing.MandelboxId)
            .Concat((await containers ?? []).Select(container => container.MandelboxId))
            .Concat(await rows ?? [])
            .Where(id => MandelboxIds.Fault(id) is null)
            .Distinct(StringComparer.Ordinal);
        var mandelboxes = await Task.WhenAll(owners.Select(id => grains.GetGrain<IMandelboxGrain>(id).Describe()));
        return new Inventory
        {
            Things = things,
            Leases = leases,
            Containers = await containers,
            EndedProcesses = ended,
            Rows = await rows,
            Mandelboxes = mandelboxes.OfType<MandelboxDescription>().ToDictionary(m => m.MandelboxId, StringComparer.Ordinal),
        };
    }

    private async Task<IReadOnlyList<ContainerThing>?> ListContainersAsync(
        IReadOnlyList<MandelboxDescription> mandelboxes, CancellationToken cancellationToken)
    {
        try
        {
            var owner = info.Current.Owner;
            var labelled = await engine.ListAsync(ContainerLabels.OfAnyHost, cancellationToken);
            var ofAgent = await Task.WhenAll(mandelboxes
                .Where(m => m is { Adopted: true, ContainerId: not null })
                .Select(async m => (m.MandelboxId, Container: await engine.InspectAsync(m.ContainerId!, cancellationToken))));
            var running = labelled.Concat(ofAgent.Select(a => a.Container).OfType<ContainerDescription>()).Where(c => c.Running).ToList();
            processes.Keep(running.Select(c => c.Id).ToHashSet(StringComparer.Ordinal));
            await Task.WhenAll(running.Where(c => !processes.IsKnown(c.Id)).Select(c => SeeProcessAsync(c.Id, cancellationToken)));
            _engineFault = null;
            return
            [
                .. labelled
                    .Select(c => (Container: c, Of: RunOf(c.Labels, owner)))
                    .Where(c => c.Of is not null)
                    .Select(c => new ContainerThing(
                        c.Container.Id,
                        c.Container.Labels.GetValueOrDefault(ContainerLabels.MandelboxId, ""),
                        c.Of!.Value,
                        c.Container.Running,
                        ContainerLabels.Read(c.Container.Labels))),
                .. ofAgent.Where(a => a.Container is not null).Select(
                    a => new ContainerThing(a.Container!.Id, a.MandelboxId, ContainerRun.Agent, a.Container.Running, Lease: null)),
            ];
        }
        catch (ContainerEngineException exception)
        {
            // What does not depend on the engine is compared all the same.
            LogOnce(ref _engineFault, "containers", exception.Message);
            return null;
        }
    }

    private static ContainerRun? RunOf(IReadOnlyDictionary<string, string> labels, ContainerOwner owner) =>
        ContainerLabels.MandelboxOf(labels, owner) is not null ? ContainerRun.This
        : ContainerLabels.IsOfEarlierRun(labels, owner) ? ContainerRun.Earlier
        : null;

    /// <summary>Once for each container: a list does not name processes.</summary>
    private async Task SeeProcessAsync(string containerId, CancellationToken cancellationToken)
    {
        if (await engine.InspectAsync(containerId, cancellationToken) is { Running: true, Pid: > 0 } container)
        {
            processes.See(containerId, container.Pid);
        }
    }

    private async Task<IReadOnlyCollection<string>?> ListRowsAsync(CancellationToken cancellationToken)
    {
        try
        {
            var rows = await database.ListMandelboxesAsync(info.Current.Identity.InstanceName, cancellationToken);
            _databaseFault = null;
            return rows;
        }
        catch (BackendDatabaseException exception)
        {
            LogOnce(ref _databaseFault, "rows", exception.Message);
            return null;
        }
    }

    /// <summary>Directories are named relative to the root.</summary>
    private List<Thing> ListFiles()
    {
        var (root, temp) = (options.Value.Root, Path.Combine(options.Value.Root, "temp"));
        var drives = Path.GetFullPath(options.Value.CloudStorageRoot);
        return
        [
            .. NamesIn(root).Select(id => new Thing(DifferenceKind.Directory, id, id)),
            .. NamesIn(temp).Select(id => new Thing(DifferenceKind.Directory, id, $"temp/{id}")),
            .. MountPoints.Below(drives).Select(path => new Thing(DifferenceKind.Mount, FirstName(drives, path), path)),
            .. records.List().Select(id => new Thing(DifferenceKind.Record, id, id)),
            .. UnixSockets.ListeningBelow(temp)
                .Where(path => Path.GetFileName(path) == InputSocket)
                .Select(path => new Thing(DifferenceKind.Socket, FirstName(temp, path), path)),
        ];
    }

    private static IEnumerable<string> NamesIn(string directory) =>
        Directory.Exists(directory) ? Directory.GetDirectories(directory).Select(path => Path.GetFileName(path)) : [];

    private static string FirstName(string directory, string path) => Path.GetRelativePath(directory, path).Split('/')[0];

    private void LogOnce(ref string? known, string what, string reason)
    {
        if (known != reason)
        {
            known = reason;
            LogNotCompared(what, reason);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Mandelboxes cannot be compared with their {What}: {Reason}")]
    private partial void LogNotCompared(string what, string reason);
}
