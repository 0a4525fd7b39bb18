using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Cluster.Fleet;

public sealed class FleetMandelboxGrainTests : IAsyncLifetime
{
    private readonly FleetCluster _cluster = new();

    public Task InitializeAsync() => _cluster.StartAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_mandelbox_comes_up_on_the_best_host_and_a_repeat_goes_to_the_same_one()
    {
        var (a, b) = (await _cluster.ConnectAsync("a", free: 5), await _cluster.ConnectAsync("b", free: 9));

        var answer = await _cluster.SpinUpAsync("m1");
        Assert.Equal(("key of m1 on b", "b", "address of b"), (answer.Answer.Access!.AesKey, answer.Host, answer.Address));
        Assert.Equal("b", _cluster.Storage.HostOf("m1"));
        b.Free = 0;
        await _cluster.ReportAsync(b);

        var again = await _cluster.SpinUpAsync("m1");
        Assert.Equal(("b", "address of b"), (again.Host, again.Address));
        Assert.Equal(["Reserve m1", "SpinUp m1", "SpinUp m1"], b.Calls);
        Assert.Empty(a.Calls);
    }

    [Fact]
    public async Task The_place_is_stored_before_anything_is_started()
    {
        var host = await _cluster.ConnectAsync("a");
        var hold = _cluster.Storage.Hold = new TaskCompletionSource();
        var spinUp = _cluster.SpinUpAsync("m1");
        await _cluster.Storage.Held.Task;

        Assert.Null(await _cluster.Mandelbox("m1").FindHost());
        Assert.Equal(["Reserve m1"], host.Calls);

        hold.SetResult();
        Assert.NotNull((await spinUp).Answer.Access);
    }

    [Fact]
    public async Task Requests_at_once_are_one_and_those_of_others_are_refused()
    {
        var host = await _cluster.ConnectAsync("a");
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.SpinUp), () => answered.Task);
        var first = _cluster.SpinUpAsync("m1");
        await host.CalledAsync("SpinUp m1");

        var second = _cluster.SpinUpAsync("m1");
        foreach (var other in new[] { FleetCluster.Request(user: "other"), FleetCluster.Request(session: 2), FleetCluster.Request(app: "x") })
        {
            Assert.Equal("duplicate", (await _cluster.Mandelbox("m1").SpinUp(other, new PlacementWishes())).Answer.Failure!.Phase);
        }

        answered.SetResult();
        Assert.Equal(((await first).Host, 1), ((await second).Host, host.Calls.Count(c => c == "SpinUp m1")));
    }

    [Fact]
    public async Task A_host_that_is_lost_during_a_spin_up_keeps_the_mandelbox_and_a_repeat_goes_there()
    {
        var (other, host) = (await _cluster.ConnectAsync("a", free: 1), await _cluster.ConnectAsync("b", free: 9));
        host.Before(nameof(IHostCalls.SpinUp), () => throw new TimeoutException("no answer"));

        var answer = await _cluster.SpinUpAsync("m1");
        Assert.True(answer.IsTemporary);
        Assert.Equal("b", answer.Host);
        Assert.Equal(
            "host b did not answer in time; mandelbox m1 may be coming up on host b: repeat the request", answer.Answer.Failure!.Reason);

        await _cluster.Host("b").Disconnected(_cluster.ConnectionOf(host));
        answer = await _cluster.SpinUpAsync("m1");
        Assert.True(answer.IsTemporary);
        Assert.StartsWith("host b is not connected; ", answer.Answer.Failure!.Reason, StringComparison.Ordinal);

        await _cluster.Host("b").Connected(_cluster.ConnectionOf(host));
        answer = await _cluster.SpinUpAsync("m1");
        Assert.Equal(("b", "key of m1 on b"), (answer.Host, answer.Answer.Access!.AesKey));
        Assert.Empty(other.Calls);
    }

    [Fact]
    public async Task A_host_that_turns_out_to_be_full_is_followed_by_others_but_not_by_all()
    {
        var hosts = new List<FakeHost>();
        foreach (var (name, free) in new[] { ("a", 9), ("b", 8), ("c", 7), ("d", 6) })
        {
            var host = await _cluster.ConnectAsync(name, free);
            host.Failure = new SpinUpFailure("lease", $"no TTY is free on {name}");
            hosts.Add(host);
        }

        var answer = await _cluster.SpinUpAsync("m1");
        Assert.Equal(("no TTY is free on c", true, null), (answer.Answer.Failure!.Reason, answer.IsTemporary, answer.Host));
        Assert.Empty(hosts[3].Calls);
        Assert.Null(_cluster.Storage.HostOf("m1"));

        hosts[1].Failure = null;
        foreach (var host in hosts)
        {
            if (host.Calls.Count > 0)
            {
                await host.CalledAsync("CancelReservation m1");
            }

            await _cluster.ReportAsync(host);
        }

        answer = await _cluster.SpinUpAsync("m1");
        Assert.Equal("b", answer.Host);
        Assert.All(hosts, host => Assert.Equal(host.Name == "b", host.Running.ContainsKey("m1")));
    }

    [Fact]
    public async Task A_host_that_cannot_make_the_container_is_followed_by_another()
    {
        var (host, other) = (await _cluster.ConnectAsync("a", free: 9), await _cluster.ConnectAsync("b", free: 5));
        host.Failure = new SpinUpFailure("create", "there is no such image");

        Assert.Equal("b", (await _cluster.SpinUpAsync("m1")).Host);
        await host.CalledAsync("CancelReservation m1");
        Assert.Empty(host.Reserved);
        Assert.Contains("m1", other.Running.Keys);
    }

    [Theory]
    [InlineData(10, "there is no such image", false)]
    [InlineData(0, "no host takes it: a: it has just failed to take this mandelbox; b: it is full", true)]
    public async Task When_none_can_make_it_the_hosts_reason_is_the_answer_unless_another_one_may_get_room(
        int free, string reason, bool isTemporary)
    {
        var (host, other) = (await _cluster.ConnectAsync("a", free: 11), await _cluster.ConnectAsync("b", free));
        host.Failure = other.Failure = new SpinUpFailure("image", "there is no such image");

        // By then all hosts have reported.
        _cluster.Clock.Advance(TimeSpan.FromSeconds(11));
        foreach (var known in new[] { host, other })
        {
            known.Running["another"] = 0;
            await _cluster.ReportAsync(known);
        }

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal((reason, isTemporary, null), (answer.Answer.Failure!.Reason, answer.IsTemporary, answer.Host));
        Assert.Null(_cluster.Storage.HostOf("m1"));
    }

    [Fact]
    public async Task One_whose_host_crashed_before_it_was_up_is_ended_and_spun_up_again_on_the_same_host()
    {
        var (host, other) = (await _cluster.ConnectAsync("a", free: 5), await _cluster.ConnectAsync("b", free: 9));
        _cluster.Storage.Put("m1", "a");
        host.Running["m1"] = 0;
        host.Failure = new SpinUpFailure(SpinUpPhases.KeyLost, "its key is lost");
        host.Before("Stop", () =>
        {
            host.Failure = null;
            return Task.CompletedTask;
        });

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal(("key of m1 on a", "a"), (answer.Answer.Access?.AesKey, answer.Host));
        Assert.Equal(["SpinUp m1", "Stop m1", "SpinUp m1"], host.Calls);
        Assert.Empty(other.Calls);
    }

    [Fact]
    public async Task Where_it_cannot_be_ended_the_caller_is_to_ask_again()
    {
        var host = await _cluster.ConnectAsync("a");
        _cluster.Storage.Put("m1", "a");
        host.Failure = new SpinUpFailure(SpinUpPhases.KeyLost, "its key is lost");
        host.Before("Stop", () => throw new HostAwayException("the connection is lost"));

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal(("its key is lost", true, "a"), (answer.Answer.Failure!.Reason, answer.IsTemporary, answer.Host));
        Assert.Equal("a", _cluster.Storage.HostOf("m1"));
    }

    [Fact]
    public async Task A_failure_of_the_app_is_the_answer_and_nothing_stays_reserved()
    {
        var (host, other) = (await _cluster.ConnectAsync("a", free: 9), await _cluster.ConnectAsync("b", free: 5));
        host.Failure = new SpinUpFailure("app", "it did not come up");

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal((new SpinUpFailure("app", "it did not come up"), null), (answer.Answer.Failure, answer.Host));
        await host.CalledAsync("CancelReservation m1");
        Assert.Empty(host.Reserved);
        Assert.Null(_cluster.Storage.HostOf("m1"));
        Assert.Empty(other.Calls);
    }

    [Fact]
    public async Task A_host_that_has_it_for_another_user_keeps_it()
    {
        _cluster.Storage.Put("m1", "a");
        var host = await _cluster.ConnectAsync("a");
        host.Failure = new SpinUpFailure("duplicate", "mandelbox m1 exists already, for another user or session");

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal(("duplicate", "a"), (answer.Answer.Failure!.Phase, answer.Host));
        Assert.Equal("a", _cluster.Storage.HostOf("m1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_storage_that_fails_starts_nothing_and_the_next_request_finds_what_it_holds(bool isDone)
    {
        var host = await _cluster.ConnectAsync("a");
        _cluster.Storage.FailNext(new IOException("the database is away"), isDone);

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal("storage", answer.Answer.Failure!.Phase);
        Assert.Equal(
            "nothing was started: the fleet's storage, which holds the place of mandelbox m1, has failed: the database is away; "
            + "repeat the request",
            answer.Answer.Failure.Reason);
        await host.CalledAsync("CancelReservation m1");
        Assert.Equal(["Reserve m1", "CancelReservation m1"], host.Calls);
        Assert.Empty(host.Reserved);

        Assert.Equal(isDone ? "a" : null, await _cluster.Mandelbox("m1").FindHost());
        Assert.Equal("a", (await _cluster.SpinUpAsync("m1")).Host);
    }

    [Fact]
    public async Task Where_another_activation_has_written_its_host_is_the_one()
    {
        var (wrong, right) = (await _cluster.ConnectAsync("a", free: 9), await _cluster.ConnectAsync("b", free: 5));
        Assert.Null(await _cluster.Mandelbox("m1").FindHost());
        _cluster.Storage.Put("m1", "b");

        var answer = await _cluster.SpinUpAsync("m1");
        Assert.Equal("storage", answer.Answer.Failure!.Phase);
        Assert.Contains("was changed elsewhere; repeat the request", answer.Answer.Failure.Reason, StringComparison.Ordinal);
        await wrong.CalledAsync("CancelReservation m1");

        Assert.Equal("b", (await _cluster.SpinUpAsync("m1")).Host);
        Assert.Empty(wrong.Running);
        Assert.Equal(["m1"], right.Running.Keys);
    }

    [Fact]
    public async Task Without_a_place_the_refusal_of_the_fleet_is_the_answer()
    {
        await _cluster.ConnectAsync("a", free: 0);

        var answer = await _cluster.SpinUpAsync("m1");

        Assert.Equal((new SpinUpFailure("placement", "no host takes it: a: it is full"), true), (answer.Answer.Failure, answer.IsTemporary));
        Assert.Equal("id", (await _cluster.SpinUpAsync("no id")).Answer.Failure!.Phase);
    }

    [Fact]
    public async Task A_stop_ends_it_on_its_host_and_it_may_be_placed_anew()
    {
        var (a, b) = (await _cluster.ConnectAsync("a", free: 5), await _cluster.ConnectAsync("b", free: 9));
        Assert.False(await _cluster.Mandelbox("m1").Stop("test"));
        Assert.Equal("b", (await _cluster.SpinUpAsync("m1")).Host);

        Assert.True(await _cluster.Mandelbox("m1").Stop("test"));
        Assert.Empty(b.Running);
        Assert.Null(_cluster.Storage.HostOf("m1"));
        Assert.False(await _cluster.Mandelbox("m1").Stop("test"));

        Assert.Equal("a", (await _cluster.SpinUpAsync("m1", host: "a")).Host);
        Assert.Equal(["m1"], a.Running.Keys);
    }

    [Fact]
    public async Task A_stop_of_a_host_that_is_away_says_so_and_keeps_the_place()
    {
        var host = await _cluster.ConnectAsync("a");
        await _cluster.SpinUpAsync("m1");
        await _cluster.Host("a").Disconnected(_cluster.ConnectionOf(host));

        await Assert.ThrowsAsync<HostAwayException>(() => _cluster.Mandelbox("m1").Stop("test"));

        Assert.Equal("a", await _cluster.Mandelbox("m1").FindHost());
    }

    [Fact]
    public async Task A_stop_before_it_has_a_host_keeps_it_from_starting()
    {
        var host = await _cluster.ConnectAsync("a");
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.Reserve), () => answered.Task);
        var spinUp = _cluster.SpinUpAsync("m1");
        await host.CalledAsync("Reserve m1");

        var stop = _cluster.Mandelbox("m1").Stop("it is enough");
        await _cluster.Mandelbox("m1").FindHost();
        answered.SetResult();

        Assert.True(await stop);
        Assert.Equal(new SpinUpFailure("ended", "it was ended while it was being started: it is enough"), (await spinUp).Answer.Failure);
        await host.CalledAsync("CancelReservation m1");
        Assert.Empty(host.Reserved);
        Assert.Empty(host.Running);
        Assert.Null(_cluster.Storage.HostOf("m1"));
    }

    [Fact]
    public async Task A_stop_while_the_place_is_being_stored_leaves_nothing()
    {
        var host = await _cluster.ConnectAsync("a");
        var hold = _cluster.Storage.Hold = new TaskCompletionSource();
        var spinUp = _cluster.SpinUpAsync("m1");
        await _cluster.Storage.Held.Task;

        var stop = _cluster.Mandelbox("m1").Stop("it is enough");
        await _cluster.Mandelbox("m1").FindHost();
        hold.SetResult();

        Assert.True(await stop);
        Assert.Equal("ended", (await spinUp).Answer.Failure!.Phase);
        Assert.Null(_cluster.Storage.HostOf("m1"));
        Assert.DoesNotContain("SpinUp m1", host.Calls);
    }

    [Fact]
    public async Task What_one_host_has_is_not_moved_by_the_report_of_another()
    {
        await _cluster.Mandelbox("m1").Found("a", "1.2.3.4");
        await _cluster.Mandelbox("m1").Found("b", "5.6.7.8");
        Assert.Equal("a", await _cluster.Mandelbox("m1").FindHost());

        await _cluster.Mandelbox("m1").Gone("b");
        Assert.Equal("a", await _cluster.Mandelbox("m1").FindHost());
        await _cluster.Mandelbox("m1").Gone("a");
        Assert.Null(await _cluster.Mandelbox("m1").FindHost());
    }

    [Fact]
    public async Task Its_host_cannot_lose_it_during_a_spin_up()
    {
        var host = await _cluster.ConnectAsync("a");
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.SpinUp), () => answered.Task);
        var spinUp = _cluster.SpinUpAsync("m1");
        await host.CalledAsync("SpinUp m1");

        await _cluster.Mandelbox("m1").Gone("a");
        Assert.Equal("a", _cluster.Storage.HostOf("m1"));

        answered.SetResult();
        Assert.NotNull((await spinUp).Answer.Access);
    }

    [Fact]
    public async Task What_a_host_reports_that_it_has_while_a_place_is_sought_is_where_it_is()
    {
        var host = await _cluster.ConnectAsync("a", free: 9);
        var other = await _cluster.ConnectAsync("b", free: 5);
        var answered = new TaskCompletionSource();
        host.Before(nameof(IHostCalls.Reserve), () => answered.Task);
        var spinUp = _cluster.SpinUpAsync("m1");
        await host.CalledAsync("Reserve m1");

        await _cluster.Mandelbox("m1").Found("b", "address of b");
        answered.SetResult();

        Assert.Equal("b", (await spinUp).Host);
        await host.CalledAsync("CancelReservation m1");
        Assert.Equal(["SpinUp m1"], other.Calls);
    }

    [Fact]
    public async Task A_change_waits_for_the_one_before_it()
    {
        var hold = _cluster.Storage.Hold = new TaskCompletionSource();
        var found = _cluster.Mandelbox("m1").Found("a", "1.2.3.4");
        await _cluster.Storage.Held.Task;
        var gone = _cluster.Mandelbox("m1").Gone("a");
        await _cluster.Mandelbox("m1").FindHost();

        hold.SetResult();
        await Task.WhenAll(found, gone);

        Assert.Null(_cluster.Storage.HostOf("m1"));
        Assert.Null(await _cluster.Mandelbox("m1").FindHost());
    }

    [Fact]
    public async Task In_a_silo_with_the_storage_of_Orleans_it_comes_up_ends_and_comes_up_again()
    {
        await using var cluster = await new FleetCluster { IsDriven = false }.StartAsync();
        var host = await cluster.ConnectAsync("a");

        Assert.Equal("address of a", (await cluster.SpinUpAsync("m1")).Address);
        Assert.Equal("a", await cluster.Mandelbox("m1").FindHost());
        Assert.True(await cluster.Mandelbox("m1").Stop("test"));
        Assert.Null(await cluster.Mandelbox("m1").FindHost());
        Assert.Equal("a", (await cluster.SpinUpAsync("m1")).Host);
        Assert.Equal(["m1"], host.Running.Keys);
    }
}
