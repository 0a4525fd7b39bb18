using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

public sealed class FleetHostGrainTests : IAsyncLifetime
{
    private readonly FleetCluster _cluster = new();

    public Task InitializeAsync() => _cluster.StartAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_host_that_is_not_connected_is_away()
    {
        var exception = await Assert.ThrowsAsync<HostAwayException>(() => _cluster.Host("a").Reserve("m1"));
        Assert.Equal("host a is not connected", exception.Message);

        var host = await _cluster.ConnectAsync("a");
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(host));

        await Assert.ThrowsAsync<HostAwayException>(() => _cluster.Host("a").Drain("test"));
        await FleetCluster.UntilAsync(async () => (await _cluster.Fleet.ListHosts())[0].Away == "it is not connected");
        Assert.Empty(host.Calls);
    }

    [Fact]
    public async Task Every_call_reaches_the_host_and_its_answer_the_caller()
    {
        var host = await _cluster.ConnectAsync("a");
        var grain = _cluster.Host("a");

        Assert.Null(await grain.Reserve("m1"));
        Assert.Equal("key of m1 on a", (await grain.SpinUp("m1", FleetCluster.Request())).Access!.AesKey);
        Assert.True(await grain.Stop("m1", "test"));
        await grain.CancelReservation("m2");
        await grain.Drain("maintenance");
        Assert.Equal("this host is not draining", await grain.CancelDrain());

        Assert.Equal(["Reserve m1", "SpinUp m1", "Stop m1", "CancelReservation m2", "Drain maintenance", "CancelDrain"], host.Calls);
    }

    [Fact]
    public async Task A_long_call_holds_up_no_other()
    {
        var host = await _cluster.ConnectAsync("a");
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.SpinUp), () => answered.Task);
        var spinUp = _cluster.Host("a").SpinUp("m1", FleetCluster.Request());
        await host.CalledAsync("SpinUp m1");

        Assert.Null(await _cluster.Host("a").Reserve("m2"));

        answered.SetResult();
        Assert.NotNull((await spinUp).Access);
    }

    [Fact]
    public async Task Whatever_the_host_throws_the_caller_gets_one_type()
    {
        var host = await _cluster.ConnectAsync("a");
        host.Before(nameof(IHostCalls.Reserve), () => throw new NotSupportedException("its disk is full"));
        host.Before(nameof(IHostCalls.Reserve), () => throw new HostAwayException("its relay has lost it"));
        host.Before(nameof(IHostCalls.Reserve), () => throw new StrangeException("that no process can read"));

        Assert.Equal("host a answered with an error: its disk is full", await FaultAsync());
        Assert.Equal("its relay has lost it", await FaultAsync());
        Assert.StartsWith("host a answered with an error: ", await FaultAsync(), StringComparison.Ordinal);

        async Task<string> FaultAsync()
        {
            var exception = await Assert.ThrowsAsync<HostAwayException>(() => _cluster.Host("a").Reserve("m1"));
            Assert.Null(exception.InnerException);
            return exception.Message;
        }
    }

    [Theory]
    [InlineData(nameof(IHostCalls.Reserve), 4)]
    [InlineData(nameof(IHostCalls.Stop), 135)]
    public async Task A_host_that_does_not_answer_is_given_up_before_the_caller_gives_up(string method, int seconds)
    {
        var host = await _cluster.ConnectAsync("a");
        var never = new TaskCompletionSource();
        host.Before(method, () => never.Task);
        Task call = method == nameof(IHostCalls.Stop) ? _cluster.Host("a").Stop("m1", "test") : _cluster.Host("a").Reserve("m1");
        await host.CalledAsync($"{method} m1");
        await _cluster.Clock.TimerSetAsync(TimeSpan.FromSeconds(seconds));

        _cluster.Clock.Advance(TimeSpan.FromSeconds(seconds));

        Assert.Equal("host a did not answer in time", (await Assert.ThrowsAsync<HostAwayException>(() => call)).Message);
        never.SetResult();
    }

    [Fact]
    public async Task A_connection_that_was_replaced_has_no_effect()
    {
        var old = await _cluster.ConnectAsync("a", free: 7);
        var current = await _cluster.ConnectAsync("a", free: 5);

        await _cluster.Host("a").Report(_cluster.ConnectionOf(old), old.Report with { Free = 1 });
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(old));
        await _cluster.Host("a").Reserve("m1");

        Assert.Empty(old.Calls);
        Assert.Equal(["Reserve m1"], current.Calls);
        await _cluster.ReportAsync(current);
        Assert.Null((await _cluster.Fleet.ListHosts())[0].Away);
    }

    [Fact]
    public async Task The_connection_that_reports_is_used_when_the_other_one_is_silent()
    {
        // A late call of a gateway said that the old connection was the new one.
        var current = await _cluster.ConnectAsync("a");
        var old = await _cluster.ConnectAsync("a");
        _cluster.Clock.Advance(TimeSpan.FromSeconds(7));

        await _cluster.ReportAsync(current, current.Report with { Free = 3 });
        await _cluster.Host("a").Reserve("m1");

        Assert.Equal(["Reserve m1"], current.Calls);
        Assert.Empty(old.Calls);
    }

    [Fact]
    public async Task A_report_that_comes_after_its_connection_is_lost_does_not_bring_it_back()
    {
        var host = await _cluster.ConnectAsync("a");
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(host));

        await _cluster.Host("a").Report(_cluster.ConnectionOf(host), host.Report);

        await Assert.ThrowsAsync<HostAwayException>(() => _cluster.Host("a").Reserve("m1"));
    }

    [Fact]
    public async Task A_report_of_an_earlier_run_is_ignored()
    {
        var host = await _cluster.ConnectAsync("a");
        var next = await _cluster.ReportAsync(host, host.Report with { StartedAt = FakeHost.FirstRun.AddHours(1), Free = 5 });

        await _cluster.Host("a").Report(_cluster.ConnectionOf(host), host.Report with { Free = 9 });
        await _cluster.ReportAsync(host, next with { Free = 4 });
        Assert.Equal(4, (await _cluster.Fleet.ListHosts())[0].Report.Free);
    }

    [Fact]
    public async Task A_grain_that_knows_no_connection_takes_that_of_the_next_report()
    {
        var host = new FakeHost("a");

        await _cluster.ReportAsync(host);
        await _cluster.Host("a").Reserve("m1");

        Assert.Equal(["Reserve m1"], host.Calls);
    }

    [Fact]
    public async Task Mandelboxes_learn_from_the_reports_where_they_are()
    {
        var host = await _cluster.ConnectAsync("a");
        host.Running["m1"] = 0;
        await _cluster.ReportAsync(host);
        await FleetCluster.UntilAsync(async () => await _cluster.Mandelbox("m1").FindHost() == "a");
        Assert.Equal("a", _cluster.Storage.HostOf("m1"));

        host.Running.Clear();
        await _cluster.ReportAsync(host);
        await FleetCluster.UntilAsync(async () => await _cluster.Mandelbox("m1").FindHost() is null);
        Assert.Null(_cluster.Storage.HostOf("m1"));
    }

    [Fact]
    public async Task A_host_that_is_starting_has_not_lost_the_mandelboxes_that_it_does_not_report_yet()
    {
        var host = await _cluster.ConnectAsync("a");
        host.Running["m1"] = 0;
        await _cluster.ReportAsync(host);
        await FleetCluster.UntilAsync(async () => await _cluster.Mandelbox("m1").FindHost() == "a");

        host.Running.Clear();
        host.Status = HostStatus.Starting;
        await _cluster.ReportAsync(host);
        host.Running["m2"] = 0;
        host.Status = HostStatus.Active;
        host.Running["m1"] = 0;
        await _cluster.ReportAsync(host);
        await FleetCluster.UntilAsync(async () => await _cluster.Mandelbox("m2").FindHost() == "a");

        // Reports are told in their order: an end that was told would show by now.
        Assert.Equal("a", await _cluster.Mandelbox("m1").FindHost());
        Assert.Equal(1, _cluster.Storage.WritesOf("m1"));
    }

    [Fact]
    public async Task A_mandelbox_that_could_not_be_told_is_told_after_the_next_report()
    {
        var host = await _cluster.ConnectAsync("a");
        _cluster.Storage.FailNext(new IOException("the database is away"));
        host.Running["m1"] = 0;
        await _cluster.ReportAsync(host);

        await FleetCluster.UntilAsync(async () =>
        {
            await _cluster.ReportAsync(host);
            return _cluster.Storage.HostOf("m1") == "a";
        });
    }

    [Fact]
    public async Task The_mandelboxes_of_a_host_are_told_one_after_another_also_where_one_could_not_be_told()
    {
        var host = await _cluster.ConnectAsync("a");
        var ids = Enumerable.Range(0, 54).Select(i => $"m{i}").ToList();
        ids.ForEach(id => host.Running[id] = 0);
        _cluster.Storage.FailNext(new IOException("the database is busy"));
        var hold = _cluster.Storage.Hold = new TaskCompletionSource();
        await _cluster.ReportAsync(host);
        await _cluster.Storage.Held.Task;
        for (var i = 0; i < 20; i++)
        {
            // Long enough for others, if they did not wait.
            await _cluster.Fleet.ListHosts();
        }

        hold.SetResult();
        await FleetCluster.UntilAsync(() => Task.FromResult(ids.Count(id => _cluster.Storage.HostOf(id) == "a") == 53));
        Assert.Equal(1, _cluster.Storage.MostChangesAtOnce);
    }

#pragma warning disable CA1064 // Strange on purpose.
    private sealed class StrangeException(string message) : Exception(message);
#pragma warning restore CA1064
}
