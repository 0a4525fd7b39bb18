using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

public sealed class FleetRolloutGrainTests : IAsyncLifetime
{
    private readonly FleetCluster _cluster = new();

    private IFleetRolloutGrain Rollout => _cluster.Rollout;

    public Task InitializeAsync() => _cluster.StartAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task All_hosts_get_the_version_one_after_the_other()
    {
        var (a, b) = (await _cluster.ConnectAsync("a"), await _cluster.ConnectAsync("b"));
        Assert.Null(await Rollout.Find());

        Assert.Null(await Rollout.Start(new RolloutRequest("2.0")));
        await Rollout.Continue();
        await Rollout.Continue();
        Assert.Equal(["Upgrade 2.0"], a.Calls);
        Assert.Empty(b.Calls);
        await UpgradedAsync(a);
        await Rollout.Continue();
        Assert.Equal(["Upgrade 2.0"], b.Calls);
        await UpgradedAsync(b);
        _cluster.Clock.Advance(TimeSpan.FromSeconds(20));
        await _cluster.ReportAsync(a);
        await _cluster.ReportAsync(b);
        await Rollout.Continue();

        var rollout = (await Rollout.Find())!;
        Assert.Equal((RolloutState.Done, "2.0"), (rollout.State, rollout.Version));
        Assert.All(rollout.Hosts, host => Assert.Equal(RolloutHostState.Upgraded, host.State));
        await Rollout.Continue();
        Assert.Single(a.Calls);
    }

    [Fact]
    public async Task A_host_that_fails_halts_it_and_resume_tries_that_host_again()
    {
        var (a, b) = (await _cluster.ConnectAsync("a"), await _cluster.ConnectAsync("b"));
        await Rollout.Start(new RolloutRequest("2.0"));
        await Rollout.Continue();
        a.Upgrading = a.Upgrading! with { Fault = "it ended with exit code 7" };
        await _cluster.ReportAsync(a);
        await Rollout.Continue();
        await Rollout.Continue();

        var halted = (await Rollout.Find())!;
        Assert.Equal((RolloutState.Halted, "a: it ended with exit code 7"), (halted.State, halted.Why));
        Assert.Equal([RolloutHostState.Failed, RolloutHostState.Pending], halted.Hosts.Select(host => host.State));
        Assert.Equal("the rollout of 2.0 is halted; abort it first", await Rollout.Start(new RolloutRequest("3.0")));
        Assert.Empty(b.Calls);

        Assert.Null(await Rollout.Resume());
        await Rollout.Continue();
        Assert.Equal(["Upgrade 2.0", "Upgrade 2.0"], a.Calls);
        Assert.Equal(RolloutState.Running, (await Rollout.Find())!.State);
        Assert.Equal("no rollout has halted", await Rollout.Resume());
    }

    [Fact]
    public async Task A_host_that_refuses_halts_it()
    {
        var a = await _cluster.ConnectAsync("a");
        a.UpgradeRefusal = "an upgrade to 3.0 is in progress";
        await Rollout.Start(new RolloutRequest("2.0"));
        await Rollout.Continue();

        var halted = (await Rollout.Find())!;
        Assert.Equal((RolloutState.Halted, "a: an upgrade to 3.0 is in progress"), (halted.State, halted.Why));
        Assert.Equal(RolloutHostState.Failed, Assert.Single(halted.Hosts).State);
    }

    [Fact]
    public async Task After_a_lost_answer_the_hosts_report_decides()
    {
        var a = await _cluster.ConnectAsync("a");
        a.Before("Upgrade", () => throw new HostAwayException("the connection is lost"));
        await Rollout.Start(new RolloutRequest("2.0"));
        await Rollout.Continue();
        await Rollout.Continue();
        Assert.Single(a.Calls);
        Assert.Equal(RolloutHostState.Upgrading, Assert.Single((await Rollout.Find())!.Hosts).State);

        await UpgradedAsync(a);
        Assert.Equal(RolloutHostState.Upgraded, Assert.Single((await Rollout.Find())!.Hosts).State);
    }

    [Fact]
    public async Task A_repeated_start_changes_nothing_and_after_an_abort_another_one_may_begin()
    {
        await _cluster.ConnectAsync("a");
        Assert.Null(await Rollout.Start(new RolloutRequest("2.0")));
        Assert.Null(await Rollout.Start(new RolloutRequest("2.0")));
        Assert.Equal("the rollout of 2.0 is running; abort it first", await Rollout.Start(new RolloutRequest("3.0")));

        Assert.Null(await Rollout.Abort());
        Assert.Equal("no rollout is in progress", await Rollout.Abort());
        Assert.Equal(RolloutState.Aborted, (await Rollout.Find())!.State);
        Assert.Null(await Rollout.Start(new RolloutRequest("3.0")));
    }

    [Fact]
    public async Task What_a_failed_write_has_kept_is_found_out_before_the_next_step()
    {
        var a = await _cluster.ConnectAsync("a");
        await Rollout.Start(new RolloutRequest("2.0"));
        _cluster.Storage.FailNext(new IOException("the answer is lost"), isDone: true);

        await Assert.ThrowsAnyAsync<Exception>(Rollout.Continue);
        await Rollout.Continue();

        // It was kept as begun. The host does not report that, so it is asked.
        Assert.Empty(a.Calls);
        Assert.Equal(RolloutHostState.Upgrading, Assert.Single((await Rollout.Find())!.Hosts).State);
        _cluster.Clock.Advance(TimeSpan.FromSeconds(11));
        a.Free--;
        await _cluster.ReportAsync(a);
        await Rollout.Continue();
        Assert.Equal(["Upgrade 2.0"], a.Calls);
    }

    [Fact]
    public async Task A_host_that_is_forgotten_is_not_waited_for()
    {
        var (a, b) = (await _cluster.ConnectAsync("a"), await _cluster.ConnectAsync("b"));
        a.Version = "2.0";
        await _cluster.ReportAsync(a);
        await Rollout.Start(new RolloutRequest("2.0"));
        await Rollout.Continue();
        Assert.Equal(["Upgrade 2.0"], b.Calls);
        await _cluster.Host("b").Disconnected(_cluster.ConnectionOf(b));
        await FleetCluster.UntilAsync(async () => (await _cluster.Fleet.ListHosts()).Any(host => host.Away is not null));

        Assert.Null(await _cluster.Fleet.Forget("b"));
        await Rollout.Forget("b");
        _cluster.Clock.Advance(TimeSpan.FromSeconds(20));
        await _cluster.ReportAsync(a);
        await Rollout.Continue();

        Assert.Equal(RolloutState.Done, (await Rollout.Find())!.State);
    }

    private async Task UpgradedAsync(FakeHost host)
    {
        (host.Version, host.Upgrading) = ("2.0", null);
        await _cluster.ReportAsync(host);
    }
}
