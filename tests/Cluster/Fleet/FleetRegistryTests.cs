using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

/// <summary>Which hosts a fleet has outlives the process that knows it.</summary>
public sealed class FleetRegistryTests : IAsyncLifetime
{
    private readonly FleetCluster _cluster = new();

    public Task InitializeAsync() => _cluster.StartAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_host_that_has_reported_is_kept()
    {
        await _cluster.ConnectAsync("a");

        await UntilKeptAsync(hosts => hosts.Hosts.SequenceEqual([new KeptHost("a", "address of a", _cluster.Clock.GetUtcNow())]));
    }

    [Fact]
    public async Task A_host_that_was_there_before_is_away_until_it_reports()
    {
        _cluster.Storage.Put(new KeptHosts { Hosts = [new KeptHost("gone", "10.0.0.7", _cluster.Clock.GetUtcNow().AddMinutes(-1))] });
        await _cluster.ConnectAsync("a");
        await FleetCluster.UntilAsync(async () => (await _cluster.Fleet.ListHosts()).Count == 2);

        var gone = await HostAsync("gone");
        Assert.Equal((FleetHosts.Away, "10.0.0.7"), (gone.State, gone.Report.Address));
        Assert.Equal(
            "no host takes it: gone: it is away: it has not reported since the fleet's start",
            (await _cluster.Fleet.Place(FleetCluster.Wish("m1", "gone"))).Refusal);

        await _cluster.ConnectAsync("gone");
        Assert.Equal(FleetHosts.Ready, (await HostAsync("gone")).State);
    }

    [Fact]
    public async Task A_host_that_is_silent_for_five_minutes_is_lost_and_not_forgotten()
    {
        _cluster.Storage.Put(new KeptHosts { Hosts = [new KeptHost("gone", "10.0.0.7", _cluster.Clock.GetUtcNow().AddMinutes(-4))] });
        var host = await _cluster.ConnectAsync("a");
        await _cluster.SpinUpAsync("m1", "a");
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(host));
        await FleetCluster.UntilAsync(async () => (await _cluster.Fleet.ListHosts()).Count(known => known.State == FleetHosts.Away) == 2);

        _cluster.Clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal((FleetHosts.Lost, FleetHosts.Away), ((await HostAsync("gone")).State, (await HostAsync("a")).State));
        _cluster.Clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(FleetHosts.Lost, (await HostAsync("a")).State);

        // Its sessions may still run: nothing is started elsewhere.
        await _cluster.ConnectAsync("b");
        var again = await _cluster.SpinUpAsync("m1");
        Assert.Equal(("a", true), (again.Host, again.IsTemporary));
        await _cluster.Host("a").Connected(_cluster.ConnectionOf(host));
        await _cluster.ReportAsync(host);
        Assert.Equal(FleetHosts.Ready, (await HostAsync("a")).State);
        Assert.NotNull((await _cluster.SpinUpAsync("m1")).Answer.Access);
    }

    [Fact]
    public async Task What_a_forgotten_host_had_may_be_placed_elsewhere_also_what_it_had_not_reported()
    {
        var host = await _cluster.ConnectAsync("a");
        Assert.Equal("a", (await _cluster.SpinUpAsync("m1")).Host);
        await _cluster.ConnectAsync("b");
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(host));
        await FleetCluster.UntilAsync(async () => (await HostAsync("a")).Away is not null);
        Assert.Equal("a", (await _cluster.SpinUpAsync("m1")).Host);

        Assert.Null(await _cluster.Fleet.Forget("a"));

        Assert.Equal("b", (await _cluster.SpinUpAsync("m1")).Host);
        Assert.Equal("b", _cluster.Storage.HostOf("m1"));
        await UntilKeptAsync(hosts => hosts.Forgotten.SequenceEqual(["a"]) && hosts.Hosts.Select(kept => kept.Host).SequenceEqual(["b"]));

        // One that comes back is a host as any other.
        await _cluster.Host("a").Connected(_cluster.ConnectionOf(host));
        await _cluster.ReportAsync(host);
        Assert.False(await _cluster.Fleet.IsForgotten("a"));
    }

    [Fact]
    public async Task That_a_host_was_forgotten_is_kept_too()
    {
        _cluster.Storage.Put(new KeptHosts { Forgotten = ["a"] });
        _cluster.Storage.Put("m1", "a");
        await _cluster.ConnectAsync("b");
        await FleetCluster.UntilAsync(() => _cluster.Fleet.IsForgotten("a"));

        Assert.Equal("b", (await _cluster.SpinUpAsync("m1")).Host);
    }

    [Fact]
    public async Task While_the_storage_is_away_the_fleet_goes_on_and_the_list_is_kept_later()
    {
        _cluster.Storage.HostsFault = new IOException("the database is away");
        var host = await _cluster.ConnectAsync("a");
        Assert.Equal("a", (await _cluster.SpinUpAsync("m1")).Host);
        Assert.Null(_cluster.Storage.KeptHosts);

        _cluster.Storage.HostsFault = null;
        await FleetCluster.UntilAsync(async () =>
        {
            _cluster.Clock.Advance(TimeSpan.FromSeconds(4));
            host.Free = host.Free == 9 ? 8 : 9;
            await _cluster.ReportAsync(host);
            return _cluster.Storage.KeptHosts?.Hosts.Count == 1;
        });
    }

    private async Task<FleetHost> HostAsync(string name) => (await _cluster.Fleet.ListHosts()).Single(host => host.Report.Host == name);

    private Task UntilKeptAsync(Func<KeptHosts, bool> holds) =>
        FleetCluster.UntilAsync(() => Task.FromResult(_cluster.Storage.KeptHosts is { } hosts && holds(hosts)));
}
