using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;

namespace HostService.Tests.Unit.Mandelbox;

/// <summary>Whose a container is that has waited for a user, and how many are to wait.</summary>
public sealed class WaitingNamesTests
{
    private const string Waiting = "host-service-waiting-0123456789abcdef0123456789abcdef";

    private static readonly ContainerOwner Owner = new("host", "run", "/fractal");

    [Theory]
    [InlineData("mandelboxes-demo-m1", "m1")]
    [InlineData("mandelboxes-demo-a-b_9", "a-b_9")]
    [InlineData($"mandelboxes-demo-{Waiting}", Waiting)]
    public void A_container_is_of_the_mandelbox_whose_name_it_got(string name, string id)
    {
        Assert.Equal(id, ContainerLabels.IdOf(Labels(Waiting), name));
        Assert.Equal(id, ContainerLabels.MandelboxOf(Labels(Waiting), name, Owner));
    }

    [Theory]
    [InlineData("")]
    [InlineData("mandelboxes-demo")]
    [InlineData("mandelboxes-demo-")]
    [InlineData("mandelboxes-demo2-m1")]
    [InlineData("browsers-chrome-m1")]
    [InlineData("/mandelboxes-demo-m1")]
    [InlineData("MANDELBOXES-DEMO-m1")]
    [InlineData("mandelboxes-demo-..")]
    [InlineData("mandelboxes-demo-../m1")]
    [InlineData("mandelboxes-demo-m.1")]
    [InlineData("mandelboxes-demo--m1")]
    [InlineData("mandelboxes-demo-m1\n")]
    [InlineData("mandelboxes-demo-temp")]
    [InlineData("mandelboxes-demo-logs")]
    [InlineData("mandelboxes-demo-host-service-warmup")]
    [InlineData("mandelboxes-demo-host-service-waiting-another")]
    public void A_name_that_no_adopter_gives_changes_nothing(string name) =>
        Assert.Equal(Waiting, ContainerLabels.IdOf(Labels(Waiting), name));

    [Fact]
    public void A_name_that_is_too_tooLongfor_an_id_changes_nothing() =>
        Assert.Equal(Waiting, ContainerLabels.IdOf(Labels(Waiting), $"mandelboxes-demo-{new string('m', 129)}"));

    [Theory]
    [InlineData("m1")]
    [InlineData("waiting-m1")]
    [InlineData(MandelboxIds.WarmUp)]
    public void The_name_of_one_that_has_not_waited_says_nothing(string id) =>
        Assert.Equal(id, ContainerLabels.IdOf(Labels(id), "mandelboxes-demo-m2"));

    [Fact]
    public void A_container_without_an_id_is_of_nobody()
    {
        Assert.Null(ContainerLabels.IdOf(new Dictionary<string, string>(), "mandelboxes-demo-m1"));
        Assert.Null(ContainerLabels.IdOf(Labels(""), "mandelboxes-demo-m1"));
        Assert.Null(ContainerLabels.MandelboxOf(Labels(Waiting), "mandelboxes-demo-m1", Owner with { Run = "another" }));
    }

    [Fact]
    public void The_lease_of_a_renamed_container_is_the_adopters()
    {
        var lease = new Lease(
            Guid.NewGuid(), Waiting, 12, 0, [new PortBinding(MandelboxPorts.Control, Transport.Tcp, 20000)]);
        var labels = ContainerLabels.Write(Owner, lease, new SpinUpRequest("", "mandelboxes/demo", "", 0));

        var read = ContainerLabels.Read(labels, "mandelboxes-demo-m1")!;

        Assert.Equal((lease.Id, "m1", 12), (read.Id, read.MandelboxId, read.Tty));
        Assert.Equal(lease.MandelboxId, ContainerLabels.Read(labels, $"mandelboxes-demo-{Waiting}")!.MandelboxId);
    }

    [Fact]
    public void Each_one_that_waits_has_an_id_of_its_own_which_no_user_can_ask_for()
    {
        var (one, other) = (MandelboxIds.NewWaiting(), MandelboxIds.NewWaiting());
        Assert.NotEqual(one, other);
        Assert.True(MandelboxIds.IsWaiting(one));
        Assert.True(MandelboxIds.IsOurs(one));
        Assert.Contains("the host's own", MandelboxIds.Fault(one), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("m1", true)]
    [InlineData("host-service-waitin", true)]
    [InlineData("Host-Service-Waiting-1", true)]
    [InlineData(MandelboxIds.WarmUp, false)]
    [InlineData("temp", false)]
    [InlineData("logs", false)]
    [InlineData("", false)]
    public void Other_ids_do_not_wait(string id, bool isOurs)
    {
        Assert.False(MandelboxIds.IsWaiting(id));
        Assert.Equal(isOurs, MandelboxIds.IsOurs(id));
    }

    [Theory]
    [InlineData("host-service-waiting-../m1")]
    [InlineData("host-service-waiting-a b")]
    public void An_id_that_only_begins_like_one_that_waits_is_not_ours(string id)
    {
        Assert.NotNull(MandelboxIds.Fault(id));
        Assert.False(MandelboxIds.IsOurs(id));
    }

    [Fact]
    public void None_is_to_wait_by_default()
    {
        var options = new WarmPoolOptions();
        Assert.Empty(ValidatedOptions.FaultsOf(options, WarmPoolOptions.Section));
        Assert.Equal(0, options.Size);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(54, true)]
    [InlineData(55, false)]
    [InlineData(-1, false)]
    public void A_number_that_no_host_can_hold_is_a_fault(int size, bool isGood)
    {
        var options = new WarmPoolOptions { Apps = new Dictionary<string, int> { ["browsers/chrome"] = size, ["mandelboxes/demo"] = 1 } };
        var faults = options.Validate().ToList();
        Assert.Equal(isGood, faults.Count == 0);
        Assert.All(faults, fault => Assert.StartsWith($"WarmPool:Apps:browsers/chrome is {size}", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void Times_must_be_more_than_zero_and_shorter_than_a_timer_can_be()
    {
        var none = new WarmPoolOptions { MaxAge = TimeSpan.Zero, CheckInterval = TimeSpan.FromSeconds(-1) };
        Assert.Equal(2, none.Validate().Count());
        var tooLong = new WarmPoolOptions { MaxAge = TimeSpan.FromDays(60), CheckInterval = TimeSpan.FromDays(60) };
        Assert.Equal(2, ValidatedOptions.FaultsOf(tooLong, WarmPoolOptions.Section).Count);
    }

    private static Dictionary<string, string> Labels(string id) => new()
    {
        [ContainerLabels.MandelboxId] = id,
        [ContainerLabels.App] = "mandelboxes/demo",
        [ContainerLabels.Host] = Owner.InstanceName,
        [ContainerLabels.Run] = Owner.Run,
    };
}
