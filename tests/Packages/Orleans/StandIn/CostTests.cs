namespace HostService.Tests.Packages.Orleans.StandIn;

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class CostCollection
{
    public const string Name = "Cost";
}

/// <summary>What a call on the stand-in costs in memory. The count is the whole process's, so nothing else may run beside it.</summary>
[Collection(CostCollection.Name)]
public sealed class CostTests
{
    [Fact]
    public async Task A_call_allocates_at_most_500_bytes()
    {
        const int Calls = 2_000;
        await using var cluster = await Cluster.Start(_ => { });
        var grain = cluster.Grains.GetGrain<IIntegerKeyGrain>(1);
        for (var i = 0; i < Calls; i++)
            await grain.Key();
        var best = double.MaxValue;
        for (var round = 0; round < 20; round++)
        {
            // What clusters of earlier tests leave behind, a timer say, can only add: the least is the call's own.
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Calls; i++)
                await grain.Key();
            best = Math.Min(best, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Calls);
        }

        Assert.InRange(best, 1, 500);
    }
}
