using HostService.Infrastructure.Backend.Connection;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;
using Npgsql;

namespace HostService.Tests.Backend;

[Collection(PostgresCollection.Name)]
public sealed class CredentialTests(PostgresFixture postgres)
{
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

    private sealed class Rotating(params NpgsqlConnectionStringBuilder[] all) : IConnectionStringSource
    {
        public int Asked { get; private set; }

        public Task<NpgsqlConnectionStringBuilder> ResolveAsync(CancellationToken cancellationToken) => Task.FromResult(all[Asked++]);
    }
}
