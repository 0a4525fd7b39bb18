using Orleans.Concurrency;
using Orleans.Configuration;

namespace HostService.Tests.Packages.Orleans;

public interface IElasticGrain : IOpenGrain;

public interface ISteadfastGrain : IOpenGrain;

[StatelessWorker(2)]
public sealed class ElasticGrain(Gates gates) : Grain, IElasticGrain
{
    public Task Wait(string gate) => gates.Pass(gate);

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        gates.Reach($"{reason.ReasonCode} {this.GetPrimaryKeyString()}");
        return Task.CompletedTask;
    }
}

[StatelessWorker(2, removeIdleWorkers: false)]
public sealed class SteadfastGrain(Gates gates) : Grain, ISteadfastGrain
{
    public Task Wait(string gate) => gates.Pass(gate);

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        gates.Reach($"{reason.ReasonCode} {this.GetPrimaryKeyString()}");
        return Task.CompletedTask;
    }
}

/// <summary>What becomes of workers once the load has passed.</summary>
public sealed class WorkerTests(WorkerTests.InspectedCluster cluster) : IClassFixture<WorkerTests.InspectedCluster>
{
    private readonly string _key = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task A_worker_that_the_load_no_longer_asks_for_goes_unless_its_class_keeps_it()
    {
        await Load(cluster.Grains.GetGrain<ISteadfastGrain>("kept" + _key), "kept" + _key);
        await Load(cluster.Grains.GetGrain<IElasticGrain>(_key), _key);
        await cluster.Gates.Reached("RuntimeRequested " + _key);
        await cluster.Pass(_key + "after", ticks: 30);
        Assert.False(cluster.Gates.IsReached("RuntimeRequested kept" + _key));
    }

    // Both workers are busy and calls wait, for several inspections.
    private async Task Load(IOpenGrain grain, string name)
    {
        var calls = Enumerable.Range(0, 6).Select(i => grain.Wait($"{name}{i}")).ToList();
        // Which of the calls come first is the runtime's to decide.
        var reached = calls.Select((_, i) => cluster.Gates.Reached($"{name}{i}")).ToList();
        for (var busy = 0; busy < 2; busy++)
        {
            var next = await Task.WhenAny(reached);
            reached.Remove(next);
            await next;
        }

        await cluster.Pass(name, ticks: 30);
        for (var i = 0; i < calls.Count; i++)
            cluster.Gates.Open($"{name}{i}");
        await Task.WhenAll(calls);
    }

    /// <summary>A cluster that looks at its workers often.</summary>
    public sealed class InspectedCluster : Cluster
    {
        protected override void Configure(ISiloBuilder silo) =>
            silo.Configure<StatelessWorkerOptions>(options => options.IdleWorkersInspectionPeriod = TimeSpan.FromMilliseconds(50));
    }
}
