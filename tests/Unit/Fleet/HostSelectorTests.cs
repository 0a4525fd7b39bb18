using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Fleet;

namespace HostService.Tests.Unit.Fleet;

public sealed class HostSelectorTests
{
    private const string App = "browsers/chrome";
    private static readonly PlacementWishes None = new();

    [Fact]
    public void The_emptiest_host_comes_first_by_default_and_the_fullest_where_that_is_wished()
    {
        HostRoom[] hosts = [Host("b", free: 3), Host("a", free: 3), Host("c", free: 9), Host("d", free: 1)];

        Assert.Equal(["c", "a", "b", "d"], Select(hosts).Hosts);
        Assert.Equal(["d", "a", "b", "c"], Select(hosts, new PlacementWishes(Order: PlacementOrder.Pack)).Hosts);
        Assert.Equal(["d", "a", "b", "c"], HostSelector.Select(hosts, Request(None), PlacementOrder.Pack).Hosts);
    }

    [Fact]
    public void Of_two_with_as_much_room_the_smaller_one_is_the_emptier()
    {
        HostRoom[] hosts = [Host("large", free: 4, capacity: 54), Host("small", free: 4, capacity: 6)];

        Assert.Equal(["small", "large"], Select(hosts).Hosts);
        Assert.Equal(["large", "small"], Select(hosts, new PlacementWishes(Order: PlacementOrder.Pack)).Hosts);
    }

    [Fact]
    public void A_host_where_the_app_waits_comes_first_unless_what_waits_is_promised()
    {
        var waiting = Host("w", free: 1);
        waiting = waiting with { Host = waiting.Host with { Report = waiting.Host.Report with { Waiting = Waits(1) } } };

        Assert.Equal(["w", "x"], Select([Host("x", free: 9), waiting]).Hosts);
        Assert.Equal(["x", "w"], Select([Host("x", free: 9), waiting with { Reserved = ["other/app"] }]).Hosts);
        var roomy = waiting with { Host = waiting.Host with { Report = waiting.Host.Report with { Free = 5 } } };
        Assert.Equal(["w", "x"], Select([Host("x", free: 9), roomy with { Reserved = ["other/app"] }]).Hosts);
        Assert.Equal(["x", "w"], Select([Host("x", free: 9), roomy with { Reserved = [App] }]).Hosts);
    }

    [Fact]
    public void What_was_promised_since_the_report_is_no_longer_free()
    {
        var selection = Select([Host("a", free: 5) with { Asked = [App, App], Reserved = [App] }, Host("b", free: 3)]);

        Assert.Equal(["b", "a"], selection.Hosts);
    }

    [Fact]
    public void One_that_has_promised_all_of_its_room_is_asked_last_and_not_while_it_owes_an_answer()
    {
        var reserved = Host("a", free: 1) with { Reserved = [App] };
        Assert.Equal(["b", "a"], Select([reserved, Host("b", free: 1)]).Hosts);

        var asked = Select([Host("a", free: 1) with { Asked = [App] }]);
        Assert.Empty(asked.Hosts);
        Assert.True(asked.IsUndecided);
        Assert.True(asked.IsFull);
    }

    [Fact]
    public void Every_host_that_is_left_out_has_its_reason()
    {
        var selection = Select(
            [
                Host("closed") with { Host = Known(Report("closed") with { Status = HostStatus.Closed }) },
                Host("draining") with { Host = Known(Report("draining") with { Status = HostStatus.Draining }) },
                Host("elsewhere") with { Host = Known(Report("elsewhere") with { Region = "us-west-2" }) },
                Host("full", free: 0),
                Host("full2", free: 0),
                Host("gone") with { Host = Known(Report("gone")) with { Away = "no report for 12 s" } },
                Host("no-gpu") with { Host = Known(Report("no-gpu") with { GpuKinds = ["NVIDIA A10G"] }) },
                Host("refused") with { Refusal = new HostRefusal("nothing is free there", IsFull: true) },
                Host("starting") with { Host = Known(Report("starting") with { Status = HostStatus.Starting }) },
                Host("unready") with { Host = Known(Report("unready") with { NotReady = ["Docker is away", "no GPU"] }) },
            ],
            new PlacementWishes(Region: "us-east-1", Gpu: "t4"));

        Assert.Empty(selection.Hosts);
        Assert.True(selection.IsFull);
        Assert.Equal(
            "no host takes it: closed: it is closed; draining: it is draining; elsewhere: it is in us-west-2, not in us-east-1; "
            + "full, full2: it is full; gone: it is away: no report for 12 s; no-gpu: it has no healthy GPU t4; "
            + "refused: nothing is free there; starting: it is starting; unready: it is not ready: Docker is away, no GPU",
            selection.Refusal);
    }

    [Fact]
    public void A_full_host_is_worth_waiting_for_only_if_it_suits()
    {
        Assert.False(Select([Host("a", free: 0)], new PlacementWishes(Gpu: "A10")).IsFull);
        Assert.True(Select([Host("a", free: 0)], new PlacementWishes(Gpu: "T4")).IsFull);
        Assert.False(HostSelector.Select([Host("a", free: 0)], Request(None) with { Excluded = ["a"] }, default).IsFull);
    }

    [Fact]
    public void A_wished_host_is_the_only_one_and_an_unknown_one_is_named()
    {
        HostRoom[] hosts = [Host("a", free: 1), Host("b", free: 9)];

        Assert.Equal(["a"], Select(hosts, new PlacementWishes(Host: "a")).Hosts);
        var unknown = Select(hosts, new PlacementWishes(Host: "c"));
        Assert.Empty(unknown.Hosts);
        Assert.Equal("there is no host c in the fleet", unknown.Refusal);
        Assert.Equal("no host takes it: f: it is full", Select([.. hosts, Host("f", free: 0)], new PlacementWishes(Host: "f")).Refusal);
    }

    [Fact]
    public void An_excluded_host_is_left_out()
    {
        var selection = HostSelector.Select([Host("a"), Host("b")], Request(None) with { Excluded = ["a"] }, default);

        Assert.Equal(["b"], selection.Hosts);
        Assert.Equal("it has just failed to take this mandelbox", Assert.Single(selection.LeftOut).Reason);
    }

    [Fact]
    public void Without_hosts_the_refusal_says_so() => Assert.Equal("no host has reported to the fleet", Select([]).Refusal);

    private static HostSelection Select(HostRoom[] hosts, PlacementWishes? wishes = null) =>
        HostSelector.Select(hosts, Request(wishes ?? None), PlacementOrder.Spread);

    private static PlacementRequest Request(PlacementWishes wishes) => new("m1", App, wishes);

    private static Dictionary<string, int> Waits(int count) => new(StringComparer.Ordinal) { [App] = count };

    private static HostReport Report(string name) => new()
    {
        Host = name,
        Address = "10.0.0.1",
        Region = "us-east-1",
        Status = HostStatus.Active,
        Capacity = 10,
        Free = 5,
        GpuKinds = ["Tesla T4"],
    };

    private static FleetHost Known(HostReport report) => new(report, DateTimeOffset.UnixEpoch, null);

    private static HostRoom Host(string name, int free = 5, int capacity = 10) =>
        new(Known(Report(name) with { Free = free, Capacity = capacity }));
}
