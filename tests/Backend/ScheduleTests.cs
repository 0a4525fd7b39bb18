using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class ScheduleTests(PostgresFixture postgres)
{
    [PostgresFact]
    public async Task A_heartbeat_writes_figures_and_time_and_leaves_alone_what_could_not_be_read()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var before = DatabaseUnderTest.NowMs;

        await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(11, null, 33), default);

        Assert.Equal(
            "11 2000 33 ACTIVE",
            await it.InstanceAsync("concat_ws(' ', memory_remaining_kb, nanocpus_remaining, gpu_vram_remaining_kb, status)"));
        Assert.InRange(long.Parse((await it.InstanceAsync("last_updated_utc_unix_ms"))!), before, DatabaseUnderTest.NowMs);
    }

    [PostgresFact]
    public async Task A_heartbeat_for_a_row_that_is_gone_says_so()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);

        var e = await Assert.ThrowsAsync<BackendDatabaseException>(
            () => it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));

        Assert.Equal(
            $"heartbeat of instance {it.Instance}: table instance_info no longer has this row; somebody has removed it.", e.Message);
        Assert.False(e.Unreachable);
    }

    [PostgresFact]
    public async Task After_our_own_removal_of_the_row_a_heartbeat_that_comes_late_is_no_failure()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        await it.Database.RemoveHostAsync(it.Instance, default);

        Assert.Null(await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));
    }

    [PostgresTheory]
    [InlineData("DRAINING")]
    [InlineData("HOST_SERVICE_UNRESPONSIVE")]
    public async Task A_status_by_which_the_webserver_gives_the_host_up_is_noticed_and_left_as_it_is(string status)
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        Assert.Null(await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));
        Assert.Null(await it.Database.WhyNotWantedAsync(it.Instance, default));
        await postgres.Server.ExecuteAsync($"UPDATE hardware.instance_info SET status = '{status}' WHERE instance_name = '{it.Instance}'");

        var expected =
            $"The webserver no longer wants instance \"{it.Instance}\": column status of its row is \"{status}\", expected \"ACTIVE\".";
        Assert.Equal(expected, await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));
        Assert.Equal(expected, await it.Database.WhyNotWantedAsync(it.Instance, default));
        Assert.Equal(status, await it.InstanceAsync("status"));
    }

    [PostgresFact]
    public async Task A_status_that_we_have_set_ourselves_is_no_word_of_the_webservers()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        await it.Database.SetHostStatusAsync(it.Instance, "DRAINING", default);

        Assert.Null(await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));
        Assert.Null(await it.Database.WhyNotWantedAsync(it.Instance, default));
    }

    [PostgresFact]
    public async Task Only_rows_of_this_instance_that_waited_too_long_are_swept()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        await using var other = new DatabaseUnderTest(postgres.Server);
        await other.RegisterAsync();
        var stays = new List<string>();
        var goes = new List<string>();
        foreach (var (status, seconds, isStale) in ((string, double, bool)[])
            [
                ("ALLOCATED", 0, false), ("ALLOCATED", 10.001, true), ("CONNECTING", 60, false), ("CONNECTING", 90.001, true),
                ("RUNNING", 9000, false), ("DYING", 9000, false),
            ])
        {
            var id = it.NewId();
            await it.AddMandelboxAsync(id, status: status, age: TimeSpan.FromSeconds(seconds));
            (isStale ? goes : stays).Add(id);
        }

        var elsewhere = it.NewId();
        await other.AddMandelboxAsync(elsewhere, age: TimeSpan.FromHours(1));
        stays.Add(elsewhere);

        Assert.Equal(2, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, DatabaseUnderTest.Alive(), default));

        foreach (var id in stays)
        {
            Assert.NotNull(await it.StatusOfAsync(id));
        }

        foreach (var id in goes)
        {
            Assert.Null(await it.StatusOfAsync(id));
        }
    }

    [PostgresTheory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_host_whose_clock_is_wrong_by_an_hour_sweeps_what_is_stale_and_nothing_else(int hours)
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        it.Clock.Set(DateTimeOffset.UtcNow.AddHours(hours) - it.Clock.GetUtcNow());
        var (fresh, stale) = (it.NewId("fresh"), it.NewId("stale"));
        await it.AddMandelboxAsync(fresh);
        await it.AddMandelboxAsync(stale, age: TimeSpan.FromSeconds(11));

        Assert.Equal(1, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, DatabaseUnderTest.Alive(), default));

        Assert.Equal("ALLOCATED", await it.StatusOfAsync(fresh));
        Assert.Null(await it.StatusOfAsync(stale));
    }

    [PostgresFact]
    public async Task Rows_of_mandelboxes_that_are_alive_on_this_host_are_not_swept()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var (starting, begun, forgotten) = (it.NewId("starting"), it.NewId("begun"), it.NewId("forgotten"));
        await it.AddMandelboxAsync(starting, status: "CONNECTING", age: TimeSpan.FromSeconds(110));
        await it.AddMandelboxAsync(begun, age: TimeSpan.FromSeconds(11));
        await it.AddMandelboxAsync(forgotten, status: "CONNECTING", age: TimeSpan.FromSeconds(110));

        Assert.Equal(1, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, DatabaseUnderTest.Alive(starting, begun), default));

        Assert.Equal("CONNECTING", await it.StatusOfAsync(starting));
        Assert.Equal("ALLOCATED", await it.StatusOfAsync(begun));
        Assert.Null(await it.StatusOfAsync(forgotten));
    }

    [PostgresFact]
    public async Task Where_it_is_not_known_who_is_alive_nothing_is_swept()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id, age: TimeSpan.FromMinutes(1));

        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            it.Database.RemoveStaleMandelboxesAsync(
                it.Instance, _ => throw new InvalidOperationException("the host does not answer"), default));

        Assert.Equal("ALLOCATED", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_claim_that_comes_while_the_sweep_asks_who_is_alive_finds_the_row_gone_and_not_gone_later()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id, age: TimeSpan.FromMinutes(2));
        Task<string?>? claim = null;

        Assert.Equal(1, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, AskAsync, default));

        Assert.Contains("is not in the database", await claim!, StringComparison.Ordinal);

        // Answers only once the claim waits for the row, or has it.
        async Task<IReadOnlyCollection<string>> AskAsync(CancellationToken cancellationToken)
        {
            claim = it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default);
            while (!claim.IsCompleted && await WaitingAsync() == "0")
            {
                await Task.Yield();
            }

            return [];
        }

        async Task<string> WaitingAsync() =>
            (await postgres.Server.QueryAsync("SELECT count(*)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).Single();
    }

    [PostgresFact]
    public async Task Heartbeat_and_sweep_outlive_an_outage()
    {
        // The clock leaps over a minute while queries run in real time, so their deadline lies beyond.
        await using var it = new DatabaseUnderTest(postgres.Server, o => o.Timeout = TimeSpan.FromMinutes(10));
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id, age: TimeSpan.FromSeconds(11));
        var beats = new RecordingLogger<HeartbeatLoop>();
        var sweeps = new RecordingLogger<StaleRowSweep>();
        var figures = 0;
        await using var heartbeat = new HeartbeatLoop(it.Database, it.Clock, beats);
        await using var sweep = new StaleRowSweep(it.Database, it.Clock, sweeps);
        await postgres.Server.StopAsync();
        try
        {
            heartbeat.Start(it.Instance, () => DatabaseUnderTest.Figures(++figures, 1, 1), _ => { });
            sweep.Start(it.Instance, DatabaseUnderTest.Alive(), _ => { });
            await beats.LineAsync("Heartbeat to the database failed");
            await sweeps.LineAsync("Stale rows could not be removed");
        }
        finally
        {
            await postgres.Server.StartAsync();
        }

        await it.Clock.TimerSetAsync(IsHeartbeatPause);
        await it.Clock.TimerSetAsync(IsSweepPause);
        it.Clock.Advance(TimeSpan.FromSeconds(10.5));
        await sweeps.LineAsync("Removed 1 stale rows");
        it.Clock.Advance(TimeSpan.FromSeconds(54.5));

        // The second heartbeat comes on the way, 55 to 65 s after the first, and the pause after it begins there: 45 to 65 s of it are
        // left.
        await it.Clock.TimerSetAsync(left => left >= TimeSpan.FromSeconds(45) && left <= TimeSpan.FromSeconds(65));

        Assert.Equal("2", await it.InstanceAsync("memory_remaining_kb"));
        Assert.Null(await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task The_last_sweep_happens_when_it_is_stopped()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        await using var sweep = new StaleRowSweep(it.Database, it.Clock, NullLogger<StaleRowSweep>.Instance);
        sweep.Start(it.Instance, DatabaseUnderTest.Alive(), _ => { });
        await it.Clock.TimerSetAsync(IsSweepPause);
        var id = it.NewId();
        await it.AddMandelboxAsync(id, age: TimeSpan.FromSeconds(11));

        await sweep.StopAsync(default);

        Assert.Null(await it.StatusOfAsync(id));
    }

    private static bool IsHeartbeatPause(TimeSpan due) => due >= TimeSpan.FromSeconds(55) && due <= TimeSpan.FromSeconds(65);

    private static bool IsSweepPause(TimeSpan due) => due >= TimeSpan.FromSeconds(9.5) && due <= TimeSpan.FromSeconds(10.5);
}
