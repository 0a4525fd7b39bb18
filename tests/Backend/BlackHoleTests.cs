using System.Net.Sockets;
using HostService.Infrastructure.Backend.Connection;
using HostService.Tests.Support;

namespace HostService.Tests.Backend;

/// <summary>Packets to and from the database are dropped: nothing is refused, and nobody answers.</summary>
[Collection(PostgresCollection.Name)]
public sealed class BlackHoleTests(PostgresFixture postgres)
{
    /// <summary>The pauses between tries, each of which takes the whole timeout, until three minutes are over.</summary>
    private static readonly int[] Pauses = [1, 2, 4, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10];

    /// <summary>Npgsql's own timeouts are longer than the session's: none of them ends what a test waits for.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    [PostgresFact]
    public async Task A_claim_during_which_it_begins_is_refused_at_the_timeout_and_can_be_repeated_afterwards()
    {
        await using var way = new SilentWay(new UnixDomainSocketEndPoint(postgres.Server.Socket));
        await using var it = Through(way, Long);
        await it.RegisterAsync();
        var id = it.NewId();
        await it.AddMandelboxAsync(id);
        // The last of the statements before the commit.
        var silent = way.FallSilentAtAsync("SET status = $1 WHERE mandelbox_id"u8);

        var claim = it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default);
        await silent;
        await AdvanceAsync(it, Long);

        Assert.Contains("cannot be reached right now", await claim.WaitAsync(TimeSpan.FromSeconds(60)), StringComparison.Ordinal);
        way.PassAgain();
        Assert.Null(await it.Database.ClaimMandelboxAsync(it.Instance, id, "user-1", default));
        Assert.Equal("CONNECTING", await it.StatusOfAsync(id));
    }

    [PostgresFact]
    public async Task For_three_minutes_it_loses_nothing_and_the_newest_wins()
    {
        await using var way = new SilentWay(new UnixDomainSocketEndPoint(postgres.Server.Socket));
        await using var it = Through(way);
        await it.RegisterAsync();
        var (comesUp, goes) = (it.NewId("up"), it.NewId("goes"));
        await it.ClaimAsync(comesUp);
        await it.ClaimAsync(goes);
        way.FallSilent();

        var first = it.Database.SetMandelboxStatusAsync(comesUp, "RUNNING", default);
        await TryAsync(it);
        Assert.True(await first.WaitAsync(TimeSpan.FromSeconds(60)), "nobody knows, and the status is kept");
        await it.Database.SetMandelboxStatusAsync(goes, "DYING", default);
        await it.Database.RemoveMandelboxAsync(goes, default);
        foreach (var pause in Pauses)
        {
            await it.Clock.TimerSetAsync(TimeSpan.FromSeconds(pause));
            await AdvanceAsync(it, TimeSpan.FromSeconds(pause));
            await TryAsync(it);
        }

        Assert.Single(it.Log.Lines, line => line.Contains("did not answer within 5 s", StringComparison.Ordinal));
        way.PassAgain();
        await it.Clock.TimerSetAsync(TimeSpan.FromSeconds(10));
        await AdvanceAsync(it, TimeSpan.FromSeconds(10));
        await it.Log.LineAsync("The database accepts writes again");
        Assert.Equal("RUNNING", await it.StatusOfAsync(comesUp));
        Assert.Null(await it.StatusOfAsync(goes));
    }

    [PostgresFact]
    public async Task A_caller_that_gives_up_waits_for_nothing()
    {
        await using var way = new SilentWay(new UnixDomainSocketEndPoint(postgres.Server.Socket));
        await using var it = Through(way, Long);
        await it.RegisterAsync();
        using var gives = new CancellationTokenSource();
        var silent = way.FallSilentAtAsync("SET memory_remaining_kb"u8);

        var beat = it.Database.HeartbeatAsync(it.Instance, DatabaseUnderTest.Figures(), gives.Token);
        await silent;
        // Whoever cancels, the end of the service for one, is not kept either.
        await gives.CancelAsync().WaitAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => beat.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    private DatabaseUnderTest Through(SilentWay way, TimeSpan? timeout = null) => new(
        postgres.Server,
        $"Host=127.0.0.1;Port={way.Port};Username=postgres;Database=postgres;SSL Mode=Disable;GSS Encryption Mode=Disable",
        options => options.Timeout = timeout ?? new DatabaseOptions().Timeout);

    /// <summary>A try takes the whole timeout.</summary>
    private static async Task TryAsync(DatabaseUnderTest it)
    {
        await it.Clock.TimerSetAsync(new DatabaseOptions().Timeout);
        await AdvanceAsync(it, new DatabaseOptions().Timeout);
    }

    /// <summary>Whoever moves time on is not kept by what a timer does.</summary>
    private static Task AdvanceAsync(DatabaseUnderTest it, TimeSpan by) =>
        Task.Run(() => it.Clock.Advance(by)).WaitAsync(TimeSpan.FromSeconds(60));
}
