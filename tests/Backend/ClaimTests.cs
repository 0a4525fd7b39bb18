using HostService.Tests.Support;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class ClaimTests(PostgresFixture postgres)
{
    [PostgresFact]
    public async Task Fifty_four_mandelboxes_at_once_each_go_the_whole_way_in_order()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var history = "history_" + Guid.NewGuid().ToString("N", System.Globalization.CultureInfo.InvariantCulture);
        await postgres.Server.ExecuteAsync(
            $"""
            CREATE TABLE {history} (number bigserial, id varchar, status varchar);
            CREATE FUNCTION {history}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO {history} (id, status) VALUES (COALESCE(NEW.mandelbox_id, OLD.mandelbox_id), CASE TG_OP WHEN 'DELETE' THEN 'gone' ELSE NEW.status END);
                RETURN NULL;
            END $$;
            CREATE TRIGGER {history}_t AFTER INSERT OR UPDATE OR DELETE ON hardware.mandelbox_info FOR EACH ROW EXECUTE FUNCTION {history}_f();
            """);
        var ids = Enumerable.Range(0, 54).Select(_ => it.NewId()).ToList();
        try
        {
            foreach (var id in ids)
            {
                await it.AddMandelboxAsync(id);
            }

            await Task.WhenAll(ids.Select(async id =>
            {
                Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
                await it.Database.SetMandelboxStatusAsync(id, "RUNNING", default);
                await it.Database.SetMandelboxStatusAsync(id, "DYING", default);
                await it.Database.RemoveMandelboxAsync(id, default);
            }));

            var lives = await postgres.Server.QueryAsync($"SELECT string_agg(status, ' ' ORDER BY number) FROM {history} GROUP BY id");
            Assert.Equal(Enumerable.Repeat("ALLOCATED CONNECTING RUNNING DYING gone", 54), lives);
        }
        finally
        {
            await postgres.Server.ExecuteAsync($"DROP FUNCTION {history}_f() CASCADE; DROP TABLE {history}");
        }
    }

    [PostgresFact]
    public async Task Running_and_dying_mandelboxes_of_this_host_are_listed_and_the_database_tells_its_time()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await using var another = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        await another.RegisterAsync();
        var ids = Enumerable.Range(0, 4).Select(_ => it.NewId()).ToList();
        foreach (var id in ids)
        {
            await it.AddMandelboxAsync(id);
        }

        foreach (var id in ids[1..])
        {
            Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
        }

        await it.Database.SetMandelboxStatusAsync(ids[2], "RUNNING", default);
        await it.Database.SetMandelboxStatusAsync(ids[3], "DYING", default);

        Assert.Equal(ids[2..].Order(), (await it.Database.ListMandelboxesAsync(it.Instance, default))!.Order());
        Assert.Empty((await it.Database.ListMandelboxesAsync(another.Instance, default))!);
        Assert.InRange((await it.Database.ReadClockAsync(default))!.Value, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [PostgresFact]
    public async Task Of_many_claims_of_one_id_at_once_one_wins()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var ids = Enumerable.Range(0, 30).Select(_ => it.NewId()).ToList();
        foreach (var id in ids)
        {
            await it.AddMandelboxAsync(id);
        }

        // Four claims of each id, side by side, over connections that are open already.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => it.Database.TestAsync(default)));
        var answers = await Task.WhenAll(ids.SelectMany(id => Enumerable.Repeat(id, 4))
            .Select(async id => (Id: id, Answer: await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default))));

        foreach (var ofOne in answers.GroupBy(a => a.Id))
        {
            Assert.Single(ofOne, a => a.Answer is null);
            Assert.Equal(3, ofOne.Count(
                a => a.Answer == $"Mandelbox {ofOne.Key} has status CONNECTING in the database; only one that is ALLOCATED can be spun "
                    + "up."));
        }
    }

    [PostgresFact]
    public async Task Another_users_mandelbox_is_refused_without_a_word_about_it()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id, user: "user-1", status: "RUNNING");

        var answer = await it.Database.ClaimMandelboxAsync("another-instance", id, "user-2", default);

        Assert.Equal($"Mandelbox {id} is not assigned to this user.", answer);
        Assert.Equal("RUNNING", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_mandelbox_of_another_host_is_refused()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);

        var answer = await it.Database.ClaimMandelboxAsync("another-instance", id, "user-1", default);

        Assert.Equal($"Mandelbox {id} is assigned to another host, not to another-instance.", answer);
        Assert.Equal("ALLOCATED", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_mandelbox_without_a_row_is_refused()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);

        var answer = await it.Database.ClaimMandelboxAsync(
            it.Instance, "nobody'; DROP TABLE hardware.mandelbox_info; --", "user-1", default);

        Assert.Contains("is not in the database", answer, StringComparison.Ordinal);
        await it.Database.TestAsync(default);
    }

    [PostgresFact]
    public async Task A_row_that_was_never_claimed_is_neither_changed_nor_removed()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);

        await it.Database.SetMandelboxStatusAsync(id, "DYING", default);
        await it.Database.RemoveMandelboxAsync(id, default);

        Assert.Equal("ALLOCATED", await it.StatusOfAsync(id));
        Assert.Contains(it.Log.Lines, l => l.Contains($"Mandelbox {id} has no row for DYING", StringComparison.Ordinal));
    }

    [PostgresFact]
    public async Task Whether_the_row_of_a_mandelbox_that_comes_up_is_still_there_is_said()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var (stays, removed, unclaimed) = (it.NewId(), it.NewId(), it.NewId());
        await it.ClaimAsync(stays);
        await it.ClaimAsync(removed);
        await it.AddMandelboxAsync(unclaimed);
        await postgres.Server.ExecuteAsync($"DELETE FROM hardware.mandelbox_info WHERE mandelbox_id = '{removed}'");

        Assert.True(await it.Database.SetMandelboxStatusAsync(stays, "RUNNING", default));
        Assert.True(await it.Database.SetMandelboxStatusAsync(stays, "RUNNING", default));
        Assert.False(await it.Database.SetMandelboxStatusAsync(removed, "RUNNING", default));
        Assert.False(await it.Database.SetMandelboxStatusAsync(unclaimed, "RUNNING", default));
    }

    [PostgresFact]
    public async Task A_status_never_goes_back()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.ClaimAsync(id);

        await it.Database.SetMandelboxStatusAsync(id, "DYING", default);
        await it.Database.SetMandelboxStatusAsync(id, "RUNNING", default);

        Assert.Equal("DYING", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_row_that_somebody_has_locked_holds_up_its_own_claim_only_and_only_until_the_deadline()
    {
        await using var it = new DatabaseUnderTest(postgres.Server, o => o.Timeout = TimeSpan.FromMilliseconds(250));
        await it.RegisterAsync();
        var (locked, free) = (it.NewId(), it.NewId());
        await it.AddMandelboxAsync(locked);
        await it.AddMandelboxAsync(free);
        await using var other = new Npgsql.NpgsqlConnection(postgres.Server.ConnectionString + ";Pooling=false");
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var command = new Npgsql.NpgsqlCommand(
            $"SELECT 1 FROM hardware.mandelbox_info WHERE mandelbox_id = '{locked}' FOR UPDATE", other, transaction);
        await command.ExecuteScalarAsync();

        var answer = await it.Database.ClaimMandelboxAsync(it.Instance, locked, "user-1", default);

        Assert.Equal($"The database did not let this host claim mandelbox {locked}; try again later.", answer);
        Assert.Contains(
            it.Log.Lines, l => l.Contains(locked, StringComparison.Ordinal) && l.Contains("lock timeout", StringComparison.Ordinal));
        Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, free, "user-1", default));
    }
}
