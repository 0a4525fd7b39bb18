using System.Net;
using System.Net.Sockets;
using HostService.Infrastructure.Backend.Connection;
using HostService.Tests.Support;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class OutageTests(PostgresFixture postgres)
{
    /// <summary>The pauses between tries, until a minute is over.</summary>
    private static readonly int[] Pauses = [1, 2, 4, 8, 10, 10, 10, 10, 10];

    [PostgresFact]
    public async Task Each_call_is_timed_by_its_result()
    {
        using var calls = new RecordedMeasurements("host_service.backend.call.duration");
        await using var it = new DatabaseUnderTest(postgres.Server);
        Assert.NotNull(await it.Database.ReadClockAsync(default));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => it.Database.ReadClockAsync(new CancellationToken(canceled: true)));
        await postgres.Server.StopAsync();
        try
        {
            await Assert.ThrowsAsync<BackendDatabaseException>(() => it.Database.ReadClockAsync(default));
        }
        finally
        {
            await postgres.Server.StartAsync();
        }

        Assert.Equal(
            ["service=database result=ok", "service=database result=cancelled", "service=database result=failed"], calls.Labels);
    }

    [PostgresFact]
    public async Task With_the_server_away_for_a_minute_nothing_is_lost_and_the_newest_wins()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var (comesUp, dies, goes, waits) = (it.NewId("up"), it.NewId("dies"), it.NewId("goes"), it.NewId("waits"));
        foreach (var id in (string[])[comesUp, dies, goes])
        {
            await it.ClaimAsync(id);
        }

        await it.AddMandelboxAsync(waits);
        await postgres.Server.StopAsync();
        try
        {
            Assert.True(await it.Database.SetMandelboxStatusAsync(goes, "RUNNING", default), "during an outage nobody knows, and the "
                + "status is kept");
            await it.Database.SetMandelboxStatusAsync(comesUp, "RUNNING", default);
            await it.Database.SetMandelboxStatusAsync(dies, "RUNNING", default);
            await it.Database.SetHostStatusAsync(it.Instance, "DRAINING", default);
            await it.Database.SetMandelboxStatusAsync(dies, "DYING", default);
            await it.Database.SetMandelboxStatusAsync(goes, "DYING", default);
            await it.Database.RemoveMandelboxAsync(goes, default);

            Assert.Equal(
                $"The database with the row of mandelbox {waits} cannot be reached right now; try again later.",
                await it.Database.ClaimMandelboxAsync(it.Instance, waits, "user-1", default));
            await Assert.ThrowsAsync<BackendDatabaseException>(
                () => it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default));

            foreach (var pause in Pauses)
            {
                await it.Clock.TimerSetAsync(TimeSpan.FromSeconds(pause));
                it.Clock.Advance(TimeSpan.FromSeconds(pause));
            }
        }
        finally
        {
            await postgres.Server.StartAsync();
        }

        await it.Clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        it.Clock.Advance(TimeSpan.FromSeconds(10));
        await it.Log.LineAsync("The database accepts writes again");

        Assert.Equal("RUNNING", await it.StatusOfAsync(comesUp));
        Assert.Equal("DYING", await it.StatusOfAsync(dies));
        Assert.Null(await it.StatusOfAsync(goes));
        Assert.Equal("DRAINING", await it.InstanceAsync("status"));
        Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, waits, "user-1", default));
    }

    [PostgresFact]
    public async Task A_restart_between_two_queries_is_not_even_noticed()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);
        await postgres.Server.StopAsync();
        await postgres.Server.StartAsync();

        Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
        Assert.Empty(it.Log.Lines);
    }

    [PostgresFact]
    public async Task Any_query_that_succeeds_lets_kept_statuses_go_at_once()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.ClaimAsync(id);
        await postgres.Server.StopAsync();
        await it.Database.SetMandelboxStatusAsync(id, "RUNNING", default);
        await postgres.Server.StartAsync();

        await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), default);
        await it.Log.LineAsync("The database accepts writes again");

        Assert.Equal("RUNNING", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_mandelbox_whose_RUNNING_is_still_kept_back_is_not_swept_away_as_stale()
    {
        await using var it = new DatabaseUnderTest(postgres.Server, o => o.Timeout = TimeSpan.FromMilliseconds(250));
        await it.RegisterAsync();
        var (running, stale) = (it.NewId("running"), it.NewId("stale"));
        await it.ClaimAsync(running);
        await it.ClaimAsync(stale);
        await using var other = new Npgsql.NpgsqlConnection(postgres.Server.ConnectionString + ";Pooling=false");
        await other.OpenAsync();
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await using var command = new Npgsql.NpgsqlCommand(
                $"SELECT 1 FROM hardware.mandelbox_info WHERE mandelbox_id = '{running}' FOR UPDATE", other, transaction);
            await command.ExecuteScalarAsync();
            await it.Database.SetMandelboxStatusAsync(running, "RUNNING", default);
        }

        Assert.Contains(
            "lock timeout", await it.Log.LineAsync($"RUNNING of mandelbox {running} could not be written"), StringComparison.Ordinal);
        Assert.Equal("CONNECTING", await it.StatusOfAsync(running));
        await postgres.Server.ExecuteAsync(
            $"UPDATE hardware.mandelbox_info SET creation_time_utc_unix_ms = {DatabaseUnderTest.NowMs - 90_001} WHERE instance_name = '{it.Instance}'");

        Assert.Equal(1, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, DatabaseUnderTest.Alive(), default));

        Assert.Null(await it.StatusOfAsync(stale));
        Assert.Equal(0, await it.Database.FlushAsync(default));
        Assert.Equal("RUNNING", await it.StatusOfAsync(running));
    }

    [PostgresFact]
    public async Task The_end_of_the_service_waits_for_kept_writes_and_says_what_it_could_not_write()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.ClaimAsync(id);
        await postgres.Server.StopAsync();
        await it.Database.RemoveMandelboxAsync(id, default);
        await it.Database.RemoveHostAsync(it.Instance, default);

        var flush = it.Database.FlushAsync(default);
        await it.Clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        it.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(2, await flush);
        Assert.Contains($"removal of mandelbox {id}, removal of instance {it.Instance}", await it.Log.LineAsync("Not in the database after"), StringComparison.Ordinal);

        await postgres.Server.StartAsync();
        Assert.Equal(0, await it.Database.FlushAsync(default));
        Assert.Null(await it.InstanceAsync("status"));
    }

    [Fact]
    public async Task A_server_that_never_answers_holds_a_claim_up_until_its_deadline_and_no_longer()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var it = new DatabaseUnderTest(
            $"Host=127.0.0.1;Port={((IPEndPoint)silent.LocalEndpoint).Port};Username=u;Password=hunter2;SSL Mode=Disable");

        var claim = it.Database.ClaimMandelboxAsync("instance", "m1", "user-1", default);
        using var connection = await silent.AcceptTcpClientAsync();
        it.Clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(claim.IsCompleted);
        it.Clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Contains("cannot be reached right now", await claim, StringComparison.Ordinal);
        Assert.Contains("did not answer within 5 s", Assert.Single(it.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_secret_is_in_what_an_unreachable_database_makes_us_say()
    {
        await using var it = new DatabaseUnderTest($"postgres://user:hunter2@127.0.0.1:{TestPorts.Reserve()}/db");

        var e = await Assert.ThrowsAsync<BackendDatabaseException>(() => it.Database.TestAsync(default));
        await it.Database.SetMandelboxStatusAsync("m1", "RUNNING", default);

        Assert.True(e.Unreachable);
        Assert.StartsWith("testing the database: Failed to connect to 127.0.0.1:", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", e.ToString(), StringComparison.Ordinal);
        Assert.NotEmpty(it.Log.Lines);
        Assert.DoesNotContain(it.Log.Lines, l => l.Contains("hunter2", StringComparison.Ordinal));
    }

    [PostgresFact]
    public async Task A_caller_that_gives_up_is_told_so_and_the_status_is_still_written()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.ClaimAsync(id);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), new CancellationToken(true)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => it.Database.SetMandelboxStatusAsync(id, "RUNNING", new CancellationToken(true)));

        Assert.Equal(0, await it.Database.FlushAsync(default));
        Assert.Equal("RUNNING", await it.StatusOfAsync(id));
    }
}
