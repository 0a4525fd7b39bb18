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

        // After the engine's list: a sandbox is known to the host before the engine has it.
        var sandboxes = await host.ListSandboxes();
        var ended = listed.Select(m => m.ContainerId).OfType<string>().Where(processes.HasEnded).ToHashSet(StringComparer.Ordinal);

        // Last: what was seen above belongs to a mandelbox that is known by now, if to any.
        var owners = things.Select(thing => thing.MandelboxId)
            .Concat((await containers)?.Mandelboxes.Select(container => container.MandelboxId) ?? [])
            .Concat(await rows ?? [])
            .Where(MandelboxIds.IsOurs)
            .Distinct(StringComparer.Ordinal);
        var mandelboxes = await Task.WhenAll(owners.Select(id => grains.GetGrain<IMandelboxGrain>(id).Describe()));
        return new Inventory
        {
            Things = things,
            Leases = leases,
            Containers = (await containers)?.Mandelboxes,
            Sandboxes = sandboxes,
            SandboxContainers = (await containers)?.Sandboxes,
            EndedProcesses = ended,
            Rows = await rows,
            Mandelboxes = mandelboxes.OfType<MandelboxDescription>().ToDictionary(m => m.MandelboxId, StringComparer.Ordinal),
        };
    }

    private async Task<Listed?> ListContainersAsync(
        IReadOnlyList<MandelboxDescription> mandelboxes, CancellationToken cancellationToken)
    {
        try
        {
            var owner = info.Current.Owner;
            var all = await engine.ListAsync(new Dictionary<string, string>(), cancellationToken);
            List<(ContainerDescription Container, ContainerThing Thing)> known =
            [
                .. all.Select(c => (c, Describe(c, mandelboxes, owner))).Where(c => c.Item2 is not null).Select(c => (c.c, c.Item2!)),
            ];
            var running = known.Where(c => c.Thing.Running).Select(c => c.Thing.Id).ToHashSet(StringComparer.Ordinal);
            processes.Keep(running);
            await Task.WhenAll(running.Where(id => !processes.IsKnown(id)).Select(id => SeeProcessAsync(id, cancellationToken)));
            _engineFault = null;
            return new Listed([.. known.Select(c => c.Thing)], ContainerLabels.SandboxesAmong(all, owner));
        }
        catch (ContainerEngineException exception)
        {
            // What does not depend on the engine is compared all the same.
            LogOnce(ref _engineFault, "containers", exception.Message);
            return null;
        }
    }

    /// <summary>Null for a container that has nothing to do with mandelboxes, or that somebody else made and that has ended.</summary>
    private ContainerThing? Describe(ContainerDescription container, IReadOnlyList<MandelboxDescription> mandelboxes, ContainerOwner owner)
    {
        if (ContainerLabels.MandelboxOf(container.Labels, container.Name, owner) is { } id)
        {
            return Thing(id, ContainerRun.This);
        }

        if (ContainerLabels.IsOfEarlierRun(container.Labels, owner))
        {
            return Thing(ContainerLabels.IdOf(container.Labels, container.Name) ?? "", ContainerRun.Earlier);
        }

        var root = Path.GetFullPath(options.Value.Root);
        var user = mandelboxes.FirstOrDefault(m => m.ContainerId == container.Id)?.MandelboxId
            ?? (container.Ended ? null : container.BoundPaths.Select(path => OwnerOf(root, path)).OfType<string>().FirstOrDefault());
        return user is null ? null : Thing(user, ContainerRun.Agent);

        ContainerThing Thing(string mandelboxId, ContainerRun run) =>
            new(container.Id, mandelboxId, run, container.Running, ContainerLabels.Read(container.Labels, container.Name));
    }

    /// <summary>Whose directory, as the agent's task definition binds it, this is; null for a path elsewhere.</summary>
    private static string? OwnerOf(string root, string path) => Path.GetRelativePath(root, path).Split('/') switch
    {
        ["..", ..] or [] or ["temp"] => null,
        ["temp", var id, ..] => id,
        [var id, ..] => MandelboxIds.IsOurs(id) ? id : null,
    };

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
                .Where(path => Path.GetFileName(path) == InputSocket && !IsPassedOn(FirstName(temp, path), path))
                .Select(path => new Thing(DifferenceKind.Socket, FirstName(temp, path), path)),
        ];
    }

    /// <summary>The kernel goes on to name a socket by the path at which it was made, also once it has been adopted.</summary>
    private static bool IsPassedOn(string mandelboxId, string path) => MandelboxIds.IsWaiting(mandelboxId) && !File.Exists(path);

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

    private sealed record Listed(IReadOnlyList<ContainerThing> Mandelboxes, IReadOnlyDictionary<string, bool> Sandboxes);
}
