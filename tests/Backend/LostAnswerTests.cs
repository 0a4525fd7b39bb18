using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;

namespace HostService.Tests.Backend;

/// <summary>A commit of which nobody knows whether it took place.</summary>
[Collection(PostgresCollection.Name)]
public sealed class LostAnswerTests(PostgresFixture postgres)
{
    [PostgresFact]
    public async Task A_claim_whose_answer_was_lost_is_taken_back_before_the_next_one()
    {
        await using var way = new LossyWay(postgres.Server.Socket);
        await using var it = new DatabaseUnderTest(postgres.Server, way.ConnectionString);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);
        way.LoseNextAnswer();

        Assert.Contains("cannot be reached right now", await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default), StringComparison.Ordinal);
        Assert.Contains(
            "is not in the database", await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default), StringComparison.Ordinal);
        Assert.Null(await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task A_claim_that_never_reached_the_server_leaves_its_row_to_the_next_one()
    {
        await using var way = new LossyWay(postgres.Server.Socket);
        await using var it = new DatabaseUnderTest(postgres.Server, way.ConnectionString);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);
        way.LoseNextQuestion();

        Assert.NotNull(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
        Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
        Assert.Equal("CONNECTING", await it.StatusOfAsync(id));
        Assert.DoesNotContain(it.Log.Lines, l => l.Contains("has no row", StringComparison.Ordinal));
    }

    [PostgresFact]
    public async Task A_registration_that_is_cancelled_in_its_commit_leaves_no_row()
    {
        await using var way = new LossyWay(postgres.Server.Socket);
        await using var it = new DatabaseUnderTest(postgres.Server, way.ConnectionString);
        await it.AddInstanceAsync();
        var committed = way.HoldNextAnswerAsync();
        using var cancel = new CancellationTokenSource();
        var registration = it.Database.RegisterAsync(it.Registration(), cancel.Token);
        await committed;

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registration);
        await it.Database.RemoveHostAsync(it.Instance, default);
        Assert.Null(await it.InstanceAsync("status"));
    }

    [PostgresTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_registration_whose_answer_was_lost_is_looked_at_again_and_is_ours(bool tookPlace)
    {
        await using var way = new LossyWay(postgres.Server.Socket);
        await using var it = new DatabaseUnderTest(postgres.Server, way.ConnectionString);
        await it.AddInstanceAsync();
        if (tookPlace)
        {
            way.LoseNextAnswer();
        }
        else
        {
            way.LoseNextQuestion();
        }

        Assert.Equal(
            new RegistrationAnswer(RegistrationOutcome.Registered, null), await it.Database.RegisterAsync(it.Registration(), default));
        Assert.Equal("ACTIVE aws-i-0123", await it.InstanceAsync("concat_ws(' ', status, cloud_provider_id)"));
        await it.Database.RemoveHostAsync(it.Instance, default);
        Assert.Null(await it.InstanceAsync("status"));
    }

    [PostgresFact]
    public async Task A_row_that_somebody_else_has_taken_meanwhile_is_not_ours()
    {
        await using var way = new LossyWay(postgres.Server.Socket);
        await using var it = new DatabaseUnderTest(postgres.Server, way.ConnectionString);
        await it.AddInstanceAsync();
        await it.Database.TestAsync(default);
        await postgres.Server.ExecuteAsync(
            $"""
            CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.cloud_provider_id := 'aws-i-other'; RETURN NEW; END $$;
            CREATE TRIGGER taken BEFORE UPDATE ON hardware.instance_info FOR EACH ROW WHEN (OLD.instance_name = '{it.Instance}') EXECUTE FUNCTION taken();
            """);
        try
        {
            way.LoseNextAnswer();
            Assert.Equal(RegistrationOutcome.Refused, (await it.Database.RegisterAsync(it.Registration(), default)).Outcome);
        }
        finally
        {
            await postgres.Server.ExecuteAsync("DROP FUNCTION taken() CASCADE");
        }
    }
}
