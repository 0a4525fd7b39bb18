namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>Where the stand-in is stricter: the package may still give a cancelled call its turn, with a cancelled token.</summary>
public sealed class CancelledTurnTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task A_call_that_was_cancelled_while_it_waited_never_gets_its_turn()
    {
        var grain = cluster.Grains.GetGrain<ICancellableGrain>(_key);
        using var cancellation = new CancellationTokenSource();
        var first = grain.Wait("first" + _key);
        await cluster.Gates.Reached("first" + _key);
        var second = grain.WaitForCancellation("second" + _key, cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        cluster.Gates.Open("first" + _key);
        await first;
        cluster.Gates.Open("third" + _key);
        await grain.Wait("third" + _key);
        Assert.False(cluster.Gates.IsReached("second" + _key));
    }
}
