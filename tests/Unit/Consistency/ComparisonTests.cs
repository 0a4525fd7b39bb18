using HostService.GrainInterfaces;
using HostService.Grains.Host.Consistency;

namespace HostService.Tests.Unit.Consistency;

/// <summary>What differs between the things on a host and its mandelboxes, as a table of cases.</summary>
public sealed class ComparisonTests
{
    private const string Container = "c1";
    private static readonly Lease Lease = new(Guid.NewGuid(), "m1", 10, 0, []);

    /// <summary>One mandelbox, with all that belongs to it.</summary>
    private static readonly Inventory InOrder = new()
    {
        Things =
        [
            new(DifferenceKind.List, "m1", "m1"), new(DifferenceKind.Lease, "m1", $"{Lease.Id}"),
            new(DifferenceKind.Directory, "m1", "m1"), new(DifferenceKind.Directory, "m1", "temp/m1"),
            new(DifferenceKind.Mount, "m1", "/drives/m1/Dropbox"), new(DifferenceKind.Record, "m1", "m1"),
            new(DifferenceKind.Socket, "m1", "/fractal/temp/m1/sockets/uinput.sock"),
        ],
        Leases = [Lease],
        Containers = [new(Container, "m1", ContainerRun.This, Running: true, Lease)],
        EndedProcesses = new HashSet<string>(),
        Rows = ["m1"],
        Mandelboxes = Only(Mandelbox(MandelboxState.Running)),
    };

    public static TheoryData<string, Inventory, string[]> Cases => new()
    {
        { "all is well", InOrder, [] },
        { "an empty host", Nobody with { Things = [], Leases = [], Containers = [], Rows = [] }, [] },
        {
            "the mandelbox is forgotten", Nobody,
            [
                "CorrectList List m1 m1", $"RemoveRemains Lease m1 {Lease.Id}", "RemoveRemains Directory m1 m1",
                "RemoveRemains Directory m1 temp/m1", "RemoveRemains Mount m1 /drives/m1/Dropbox", "RemoveRemains Record m1 m1",
                "RemoveRemains Socket m1 /fractal/temp/m1/sockets/uinput.sock", "RemoveRemains Container m1 c1", "RemoveRemains Row m1 m1",
            ]
        },
        { "nothing is taken while the engine does not answer", Nobody with { Containers = null }, [] },
        {
            "an earlier run's container still uses what it has",
            Nobody with
            {
                Things = [new(DifferenceKind.Directory, "m1", "m1"), new(DifferenceKind.Lease, "container c1", $"{Lease.Id}")],
                Leases = [Lease with { MandelboxId = "container c1" }],
                Containers = [new(Container, "m1", ContainerRun.Earlier, Running: true, Lease)],
            },
            []
        },
        {
            "the agent's container has the directories bound, and is not registered yet",
            Nobody with
            {
                Things = [new(DifferenceKind.Directory, "m1", "m1"), new(DifferenceKind.Directory, "m1", "temp/m1")],
                Leases = [], Containers = [new("agents", "m1", ContainerRun.Agent, Running: false, null)], Rows = [],
            },
            []
        },
        {
            "names that no mandelbox can have are not ours",
            Nobody with
            {
                Things =
                [
                    new(DifferenceKind.Directory, "lost+found", "lost+found"), new(DifferenceKind.Directory, "temp", "temp"),
                    new(DifferenceKind.Lease, MandelboxIds.WarmUp, "x"), new(DifferenceKind.Mount, ".cache", "/drives/.cache"),
                ],
                Leases = [], Containers = [], Rows = [],
            },
            []
        },
        {
            "a container of an earlier run whose lease is not kept",
            InOrder with { Containers = [.. InOrder.Containers!, new("old", "m0", ContainerRun.Earlier, Running: true, Lease with { Id = Guid.Empty })] },
            ["Reconcile Container m0 old"]
        },
        {
            "a lease is kept for a container that is gone",
            InOrder with { Leases = [Lease, Lease with { MandelboxId = "container old", Id = Guid.Empty }] },
            [$"Reconcile Lease container old {Guid.Empty}"]
        },
        {
            "a second container of the mandelbox",
            InOrder with { Containers = [.. InOrder.Containers!, new("c2", "m1", ContainerRun.This, Running: true, Lease)] },
            ["Reconcile Container m1 c2"]
        },
        { "the container is gone", InOrder with { Containers = [] }, ["Reconcile Container m1 c1"] },
        {
            "the container has ended",
            InOrder with { Containers = [new(Container, "m1", ContainerRun.This, Running: false, Lease)] }, ["Reconcile Container m1 c1"]
        },
        { "the process has ended, and the engine has not noticed", WithDeadProcess, ["ReportDeath Process m1 c1"] },
        {
            "the process has ended, and the engine does not answer", WithDeadProcess with { Containers = null }, ["ReportDeath Process m1 c1"]
        },
        {
            "a mandelbox that is ending has lost its container, its directory and its row",
            InOrder with
            {
                Things = [.. InOrder.Things.Where(t => t.Kind != DifferenceKind.Directory)], Containers = [], Rows = [],
                Mandelboxes = Only(Mandelbox(MandelboxState.Dying)),
            },
            []
        },
        {
            "one that has not started has no container yet, nor a row that says so",
            InOrder with { Containers = [], Rows = [], Mandelboxes = Only(Mandelbox(MandelboxState.Leased) with { ContainerId = null }) }, []
        },
        { "the host does not know the lease", InOrder with { Leases = [] }, [$"RestoreLease Lease m1 {Lease.Id}"] },
        {
            "the host does not list the mandelbox",
            InOrder with { Things = [.. InOrder.Things.Where(t => t.Kind != DifferenceKind.List)] }, ["CorrectList List m1 m1"]
        },
        {
            "its directory is missing",
            InOrder with { Things = [.. InOrder.Things.Where(t => t is not { Kind: DifferenceKind.Directory, Name: "m1" })] },
            ["None Directory m1 m1"]
        },
        { "its row is missing", InOrder with { Rows = [] }, ["None Row m1 m1"] },
        { "the rows are not known", InOrder with { Rows = null }, [] },
        {
            "the agent's mandelboxes have no row",
            InOrder with
            {
                Containers = [new(Container, "m1", ContainerRun.Agent, Running: true, null)], Rows = [],
                Mandelboxes = Only(Mandelbox(MandelboxState.Running) with { Adopted = true }),
            },
            []
        },
    };

    private static Inventory Nobody => InOrder with { Mandelboxes = new Dictionary<string, MandelboxDescription>() };

    private static Inventory WithDeadProcess => InOrder with { EndedProcesses = new HashSet<string> { Container } };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_difference_is_found_with_its_owner_and_the_way_to_mend_it(string when, Inventory inventory, string[] differences)
    {
        var found = Comparison.FindDifferences(inventory).Select(f => $"{f.Mending} {f.Thing.Kind} {f.Thing.MandelboxId} {f.Thing.Name}");

        Assert.True(differences.Order().SequenceEqual(found.Order()), $"{when}: {string.Join("; ", found)}");
    }

    private static Dictionary<string, MandelboxDescription> Only(MandelboxDescription mandelbox) => new() { [mandelbox.MandelboxId] = mandelbox };

    private static MandelboxDescription Mandelbox(MandelboxState state) => new()
    {
        MandelboxId = "m1",
        State = state,
        Since = DateTimeOffset.UnixEpoch,
        CreatedAt = DateTimeOffset.UnixEpoch,
        ContainerId = Container,
        Lease = Lease,
    };
}
