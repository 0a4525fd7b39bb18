namespace HostService.Grains.Host.Consistency;

/// <summary>Says where the things on a host and its mandelboxes differ. Pure.</summary>
public static class Comparison
{
    private const string HeldFor = ContainerEventDispatcher.HeldFor;

    public static IReadOnlyList<Finding> FindDifferences(Inventory inventory) =>
    [
        .. OfThings(inventory),
        .. OfContainers(inventory),
        .. OfSandboxes(inventory),
        .. inventory.Mandelboxes.Values.SelectMany(m => OfMandelbox(inventory, m)),
    ];

    /// <summary>
    /// What belongs to nobody. Names that no mandelbox can have are not ours, or the warm-up's. Without the engine nobody knows whose
    /// container may still use it.
    /// </summary>
    private static IEnumerable<Finding> OfThings(Inventory inventory)
    {
        if (inventory.Containers is not { } all)
        {
            return [];
        }

        var others = all.Where(c => c.Run != ContainerRun.This).Select(c => c.MandelboxId).ToHashSet(StringComparer.Ordinal);
        var containers = all.Where(c => c.Run == ContainerRun.This).Select(c => new Thing(DifferenceKind.Container, c.MandelboxId, c.Id));
        var rows = (inventory.Rows ?? []).Select(id => new Thing(DifferenceKind.Row, id, id));
        return inventory.Things.Concat(containers).Concat(rows)
            .Where(thing => !inventory.Mandelboxes.ContainsKey(thing.MandelboxId) && !others.Contains(thing.MandelboxId)
                && MandelboxIds.IsOurs(thing.MandelboxId))
            .Select(thing => new Finding(
                thing, "belongs to no mandelbox", thing.Kind == DifferenceKind.List ? Mending.CorrectList : Mending.RemoveRemains));
    }

    private static IEnumerable<Finding> OfContainers(Inventory inventory)
    {
        if (inventory.Containers is not { } containers)
        {
            yield break;
        }

        var leased = inventory.Leases.Select(lease => lease.Id).ToHashSet();
        foreach (var container in containers)
        {
            var thing = new Thing(DifferenceKind.Container, container.MandelboxId, container.Id);
            if (container is { Run: ContainerRun.Earlier, Lease: { } lease } && !leased.Contains(lease.Id))
            {
                yield return new Finding(thing, "of an earlier run uses what may be given again", Mending.Reconcile);
            }

            if (container.Run == ContainerRun.This
                && inventory.Mandelboxes.GetValueOrDefault(container.MandelboxId)?.ContainerId is { } own && own != container.Id)
            {
                yield return new Finding(thing, $"is not the mandelbox's, which has {own}", Mending.Reconcile);
            }
        }

        foreach (var lease in inventory.Leases.Where(l => l.MandelboxId.StartsWith(HeldFor, StringComparison.Ordinal)
            && containers.All(c => c.Id != l.MandelboxId[HeldFor.Length..])))
        {
            yield return new Finding(
                new Thing(DifferenceKind.Lease, lease.MandelboxId, $"{lease.Id}"),
                "is kept for a container that is gone",
                Mending.Reconcile);
        }
    }

    private static IEnumerable<Finding> OfSandboxes(Inventory inventory)
    {
        if (inventory.SandboxContainers is not { } containers)
        {
            yield break;
        }

        foreach (var stray in containers.Keys.Except(inventory.Sandboxes.Select(sandbox => sandbox.Name)))
        {
            yield return Found(stray, "is not known to the host");
        }

        foreach (var sandbox in inventory.Sandboxes.Where(s => s.State is SandboxState.Ready or SandboxState.Used))
        {
            if (!containers.GetValueOrDefault(sandbox.Name))
            {
                yield return Found(sandbox.Name, "has ended or is gone");
            }
        }

        Finding Found(string name, string problem) => new(
            new Thing(DifferenceKind.Sandbox, inventory.Leases.FirstOrDefault(l => l.Sandbox == name)?.MandelboxId ?? "", name),
            problem,
            Mending.Reconcile);
    }

    /// <summary>What a mandelbox must have.</summary>
    private static IEnumerable<Finding> OfMandelbox(Inventory inventory, MandelboxDescription mandelbox)
    {
        var id = mandelbox.MandelboxId;
        if (!inventory.Things.Contains(new Thing(DifferenceKind.List, id, id)))
        {
            yield return Missing(DifferenceKind.List, id, "is not in the host's list", Mending.CorrectList);
        }

        if (mandelbox.Lease is { } lease && inventory.Leases.All(l => l.Id != lease.Id))
        {
            yield return Missing(DifferenceKind.Lease, lease.Id.ToString(), "is not known to the host", Mending.RestoreLease);
        }

        if (!mandelbox.State.HasRunningContainer)
        {
            yield break;
        }

        if (mandelbox.ContainerId is { } container)
        {
            if (inventory.EndedProcesses.Contains(container))
            {
                yield return Missing(DifferenceKind.Process, container, "has ended, which the engine has not said", Mending.ReportDeath);
            }
            else if (inventory.Containers is { } containers && !containers.Any(c => c.Id == container && c.Running))
            {
                yield return Missing(DifferenceKind.Container, container, "has ended or is gone", Mending.Reconcile);
            }
        }

        if (!inventory.Things.Contains(new Thing(DifferenceKind.Directory, id, id)))
        {
            yield return Missing(DifferenceKind.Directory, id, "is missing", Mending.None);
        }

        if (mandelbox is { State: MandelboxState.Running, Adopted: false } && inventory.Rows is { } rows && !rows.Contains(id))
        {
            yield return Missing(DifferenceKind.Row, id, "is missing", Mending.None);
        }

        Finding Missing(DifferenceKind kind, string name, string problem, Mending mending) =>
            new(new Thing(kind, id, name), problem, mending);
    }
}

/// <summary>A difference, and how it is mended.</summary>
public sealed record Finding(Thing Thing, string Problem, Mending Mending);

public enum Mending
{
    /// <summary>Nobody can: an operator ends the mandelbox.</summary>
    None,

    /// <summary><see cref="IMandelboxGrain.RemoveRemains"/>.</summary>
    RemoveRemains,

    /// <summary><see cref="ContainerEventDispatcher.ReconcileAsync"/>.</summary>
    Reconcile,

    /// <summary><see cref="IMandelboxGrain.ContainerDied"/>.</summary>
    ReportDeath,

    /// <summary><see cref="IHostGrain.RestoreLease"/>.</summary>
    RestoreLease,

    /// <summary><see cref="IHostGrain.Report"/>.</summary>
    CorrectList,
}
