using HostService.Infrastructure.Backend.Connection;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;
using Npgsql;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class CredentialTests(PostgresFixture postgres)
{
    /// <summary>Fails as a refused password does.</summary>
    private const string Refusal = "DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '28P01'; END $$";

    [PostgresFact]
    public async Task Credentials_that_are_refused_are_asked_for_anew()
    {
        var source = new Rotating(
            new NpgsqlConnectionStringBuilder(postgres.Server.ConnectionString) { Username = "last_month" },
            new NpgsqlConnectionStringBuilder(postgres.Server.ConnectionString));
        await using var session = new DatabaseSession(source, Options.Create(new DatabaseOptions()), new ManualClock());

        var e = await Assert.ThrowsAsync<BackendDatabaseException>(() => AskAsync("first"));

        Assert.Equal("first: the database answered 28000: role \"last_month\" does not exist", e.Message);
        Assert.True(e.Unreachable);
        await AskAsync("second");
        await AskAsync("third");
        Assert.Equal(2, source.Asked);

        Task<int> AskAsync(string what) => session.RunAsync(
            what, TimeSpan.FromMinutes(1), transaction => transaction.ExecuteAsync("SELECT 1"), default);
    }

    [PostgresFact]
    public async Task A_query_that_waits_for_a_connection_of_replaced_credentials_gets_one_of_the_new()
    {
        var settings = new NpgsqlConnectionStringBuilder(postgres.Server.ConnectionString);
        var options = Options.Create(new DatabaseOptions { MaxPoolSize = 1 });
        await using var session = new DatabaseSession(new Rotating(settings, settings), options, new ManualClock());
        TaskCompletionSource first = new(), second = new(), secondRuns = new();
        var refused = AskAsync(first.Task, Refusal);
        var holding = AskAsync(second.Task, "SELECT 1", secondRuns);
        var waiting = AskAsync(Task.CompletedTask, "SELECT 1");

        // The pool hands its only connection to the one that has waited longest, and the credentials are dropped.
        first.SetResult();
        await Assert.ThrowsAsync<BackendDatabaseException>(() => refused);
        await secondRuns.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await waiting;
        Assert.False(holding.IsCompleted);
        second.SetResult();
        await holding;

        Task<int> AskAsync(Task gate, string sql, TaskCompletionSource? runs = null) => session.RunAsync(
            "test",
            TimeSpan.FromMinutes(1),
            async transaction =>
            {
                runs?.SetResult();
                await gate;
                return await transaction.ExecuteAsync(sql);
            },
            default);
    }

    [Fact]
    public async Task A_query_that_takes_a_connection_just_after_the_credentials_were_replaced_is_told_so()
    {
        var pool = new ConnectionPool(new NpgsqlConnectionStringBuilder("Host=/nowhere;Username=last_month"));
        await pool.DisposeAsync();

        await Assert.ThrowsAsync<CredentialsDroppedException>(() => pool.OpenConnectionAsync(default));
    }

    private sealed class Rotating(params NpgsqlConnectionStringBuilder[] all) : IConnectionStringSource
    {
        public int Asked { get; private set; }

        public Task<NpgsqlConnectionStringBuilder> ResolveAsync(CancellationToken cancellationToken) => Task.FromResult(all[Asked++]);
    }
}
