using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class RegistrationTests(PostgresFixture postgres)
{
    [PostgresFact]
    public async Task A_matching_row_is_taken_over_with_everything_that_the_webserver_wants_to_know()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync();

        var before = DatabaseUnderTest.NowMs;
        var answer = await it.Database.RegisterAsync(it.Registration(), default);

        Assert.Equal(new RegistrationAnswer(RegistrationOutcome.Registered, null), answer);
        Assert.Equal(
            "ACTIVE aws-i-0123 203.0.113.7 4 1000 2000 3000",
            await it.InstanceAsync(
                "concat_ws(' ', status, cloud_provider_id, ip, mandelbox_capacity, memory_remaining_kb, nanocpus_remaining, "
                    + "gpu_vram_remaining_kb)"));
        Assert.InRange(long.Parse((await it.InstanceAsync("last_updated_utc_unix_ms"))!), before, DatabaseUnderTest.NowMs);
    }

    [PostgresFact]
    public async Task A_figure_that_could_not_be_read_leaves_its_column_alone()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync();

        await it.Database.RegisterAsync(it.Registration(DatabaseUnderTest.Figures(null, 7, null)), default);

        Assert.Equal(
            "2000 7 1024", await it.InstanceAsync("concat_ws(' ', memory_remaining_kb, nanocpus_remaining, gpu_vram_remaining_kb)"));
    }

    [PostgresFact]
    public async Task A_look_at_the_row_says_what_a_registration_would_and_changes_nothing()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        Assert.Equal(RegistrationOutcome.Refused, (await it.Database.CheckRegistrationAsync(it.Registration(), default)).Outcome);

        await it.AddInstanceAsync();
        Assert.Equal(RegistrationOutcome.Registered, (await it.Database.CheckRegistrationAsync(it.Registration(), default)).Outcome);
        Assert.Equal("PRE_CONNECTION", await it.InstanceAsync("status"));

        await it.Database.RegisterAsync(it.Registration(), default);
        Assert.Equal(RegistrationOutcome.Refused, (await it.Database.CheckRegistrationAsync(it.Registration(), default)).Outcome);
    }

    [PostgresFact]
    public async Task The_row_of_a_host_that_was_killed_says_draining()
    {
        await using var killed = new DatabaseUnderTest(postgres.Server);
        await using var next = new DatabaseUnderTest(postgres.Server);
        await killed.RegisterAsync();

        // By a process that has not registered.
        Assert.True(await next.Database.DrainKilledHostAsync(killed.Registration(), default));

        Assert.Equal("DRAINING", await killed.InstanceAsync("status"));
        Assert.False(await next.Database.DrainKilledHostAsync(killed.Registration(), default));
    }

    [PostgresFact]
    public async Task A_row_that_the_killed_host_had_not_taken_over_stays_as_it_is()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        Assert.False(await it.Database.DrainKilledHostAsync(it.Registration(), default));

        await it.AddInstanceAsync();
        Assert.False(await it.Database.DrainKilledHostAsync(it.Registration(), default));
        Assert.Equal("PRE_CONNECTION", await it.InstanceAsync("status"));

        await it.Database.RegisterAsync(it.Registration(), default);
        var another = it.Registration() with { Identity = it.Registration().Identity with { InstanceId = "i-4567" } };
        Assert.False(await it.Database.DrainKilledHostAsync(another, default));
        Assert.Equal("ACTIVE", await it.InstanceAsync("status"));
    }

    [PostgresFact]
    public async Task Rows_that_an_earlier_run_claimed_are_removed_unless_their_mandelbox_exists()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await using var other = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync();
        await other.AddInstanceAsync();
        var ids = new[] { "ALLOCATED", "CONNECTING", "RUNNING", "DYING" }.ToDictionary(s => s, s => it.NewId(s));
        foreach (var (status, id) in ids)
        {
            await it.AddMandelboxAsync(id, status: status);
        }

        var (existing, theirs) = (it.NewId("existing"), it.NewId("theirs"));
        await it.AddMandelboxAsync(existing, status: "RUNNING");
        await other.AddMandelboxAsync(theirs, status: "RUNNING");

        Assert.Equal(3, await it.Database.RemoveLostMandelboxesAsync(it.Instance, [existing], default));

        Assert.Equal("ALLOCATED", await it.StatusOfAsync(ids["ALLOCATED"]));
        Assert.Null(await it.StatusOfAsync(ids["RUNNING"]));
        Assert.Equal("RUNNING", await it.StatusOfAsync(existing));
        Assert.Equal("RUNNING", await it.StatusOfAsync(theirs));
    }

    [PostgresFact]
    public async Task A_host_without_a_row_is_refused_and_told_what_is_missing()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);

        var answer = await it.Database.RegisterAsync(it.Registration(), default);

        Assert.Equal(RegistrationOutcome.Refused, answer.Outcome);
        Assert.Equal(
            $"table instance_info has no row with instance_name \"{it.Instance}\": the webserver creates it before it starts the instance.",
            answer.Reason);
    }

    [PostgresTheory]
    [InlineData("PRE_CONNECTION", "ami-2", "us-east-1", "g4dn.xlarge", "abcdef0", "column aws_ami_id is \"ami-2\", expected \"ami-1\"")]
    [InlineData(
        "PRE_CONNECTION", "ami-1", "eu-west-1", "g4dn.xlarge", "abcdef0", "column location is \"eu-west-1\", expected \"us-east-1\"")]
    [InlineData("PRE_CONNECTION", "ami-1", "us-east-1", "p3.2xlarge", "abcdef0", "column aws_instance_type is \"p3.2xlarge\", expected "
        + "\"g4dn.xlarge\"")]
    [InlineData("PRE_CONNECTION", "ami-1", "us-east-1", "g4dn.xlarge", "bbcdef0", "column commit_hash is \"bbcdef0\", expected a "
        + "beginning of \"abcdef0123456789\"")]
    [InlineData("PRE_CONNECTION", "ami-1", "us-east-1", "g4dn.xlarge", "", "column commit_hash is empty, expected a beginning of "
        + "\"abcdef0123456789\"")]
    [InlineData("ACTIVE", "ami-1", "us-east-1", "g4dn.xlarge", "abcdef0", "column status is \"ACTIVE\", expected \"PRE_CONNECTION\"")]
    public async Task A_row_that_does_not_match_is_refused_by_column_and_stays_as_it_was(
        string status, string ami, string region, string type, string commit, string expected)
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync(status, ami, region, type, commit);

        var answer = await it.Database.RegisterAsync(it.Registration(), default);

        Assert.Equal(RegistrationOutcome.Refused, answer.Outcome);
        Assert.Equal($"The row of instance \"{it.Instance}\" does not match this host: {expected}.", answer.Reason);
        Assert.Equal($"{status},,-1", await it.InstanceAsync("concat_ws(',', status, cloud_provider_id, last_updated_utc_unix_ms)"));
    }

    [PostgresTheory]
    [InlineData("DRAINING")]
    [InlineData("HOST_SERVICE_UNRESPONSIVE")]
    public async Task A_host_that_the_webserver_has_given_up_is_not_wanted(string status)
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync(status);

        var answer = await it.Database.RegisterAsync(it.Registration(), default);

        Assert.Equal(RegistrationOutcome.NotWanted, answer.Outcome);
        Assert.Equal(
            $"The webserver no longer wants instance \"{it.Instance}\": column status of its row is \"{status}\", expected "
                + "\"PRE_CONNECTION\".", answer.Reason);
        Assert.Equal(status, await it.InstanceAsync("status"));
    }

    [PostgresFact]
    public async Task Of_two_hosts_that_register_for_one_row_at_once_one_wins()
    {
        await using var first = new DatabaseUnderTest(postgres.Server);
        await first.AddInstanceAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => first.Database.RegisterAsync(first.Registration(), default)));

        Assert.Single(answers, a => a.Outcome == RegistrationOutcome.Registered);
        Assert.Equal(7, answers.Count(
            a => a.Outcome == RegistrationOutcome.Refused && a.Reason!.Contains("column status is \"ACTIVE\"", StringComparison.Ordinal)));
    }

    [PostgresFact]
    public async Task A_refused_host_leaves_the_row_alone_on_its_way_out()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.AddInstanceAsync("ACTIVE");
        await it.Database.RegisterAsync(it.Registration(), default);

        await it.Database.SetHostStatusAsync(it.Instance, "DRAINING", default);
        await it.Database.RemoveHostAsync(it.Instance, default);

        Assert.Equal("ACTIVE", await it.InstanceAsync("status"));
        Assert.Contains(it.Log.Lines, l => l.Contains("never took over", StringComparison.Ordinal));
    }

    [PostgresFact]
    public async Task A_registered_host_marks_itself_draining_and_its_row_goes_at_the_end_with_all_below_it()
    {
        await using var it = new DatabaseUnderTest(postgres.Server);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);

        await it.Database.SetHostStatusAsync(it.Instance, "DRAINING", default);
        Assert.Equal("DRAINING", await it.InstanceAsync("status"));
        await it.Database.RemoveHostAsync(it.Instance, default);

        Assert.Null(await it.InstanceAsync("status"));
        Assert.Null(await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task All_statements_go_to_the_tables_of_the_configured_schema()
    {
        await postgres.Server.AddSchemaAsync("Cloud");
        await using var it = new DatabaseUnderTest(postgres.Server, o => o.Schema = "Cloud");
        await it.Database.TestAsync(default);
        await it.RegisterAsync();
        Assert.Null(await it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(5), default));
        var (claimed, stale) = (it.NewId(), it.NewId());
        await it.ClaimAsync(claimed);
        await it.AddMandelboxAsync(stale, age: TimeSpan.FromMinutes(1));

        Assert.True(await it.Database.SetMandelboxStatusAsync(claimed, "RUNNING", default));
        Assert.Equal(1, await it.Database.RemoveStaleMandelboxesAsync(it.Instance, DatabaseUnderTest.Alive(), default));
        Assert.Equal(("RUNNING", "5"), (await it.StatusOfAsync(claimed), await it.InstanceAsync("memory_remaining_kb")));
        await it.Database.RemoveMandelboxAsync(claimed, default);
        await it.Database.SetHostStatusAsync(it.Instance, "DRAINING", default);
        Assert.Equal((null, "DRAINING"), (await it.StatusOfAsync(claimed), await it.InstanceAsync("status")));
        await it.Database.RemoveHostAsync(it.Instance, default);
        Assert.Null(await it.InstanceAsync("status"));
    }

    [PostgresFact]
    public async Task The_test_at_start_passes_on_a_database_with_the_schema_and_names_what_is_missing_without_it()
    {
        await using var good = new DatabaseUnderTest(postgres.Server);
        await good.Database.TestAsync(default);

        await using var bad = new DatabaseUnderTest(
            postgres.Server.ConnectionString.Replace("Database=postgres", "Database=template1", StringComparison.Ordinal));
        var e = await Assert.ThrowsAsync<BackendDatabaseException>(() => bad.Database.TestAsync(default));
        Assert.Equal("testing the database: the database answered 42P01: relation \"hardware.instance_info\" does not exist", e.Message);
    }
}
