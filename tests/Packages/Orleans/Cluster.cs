using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace HostService.Tests.Packages.Orleans;

/// <summary>A cluster of one silo, and what tests and grains share.</summary>
public class Cluster : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    public Gates Gates { get; } = new();

    public IGrainFactory Grains => Running.Client;

    public InProcessTestCluster Running => _cluster ?? throw new InvalidOperationException("Not started.");

    public IServiceProvider SiloServices => Running.Silos[0].ServiceProvider;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(Gates);
            Configure(silo);
        });
        builder.ConfigureClient(ConfigureClient);
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    protected virtual void Configure(ISiloBuilder silo)
    {
    }

    protected virtual void ConfigureClient(IClientBuilder client)
    {
    }

    /// <summary>Lets time pass: as long as a grain's timer takes to tick so often, every 10 ms at best.</summary>
    public async Task Pass(string name, int ticks)
    {
        var clock = Grains.GetGrain<ITickingGrain>("clock" + name);
        await clock.Start(interleave: false, failures: 0);
        await Gates.Reached($"clock{name}{ticks}");
        await clock.StopTicking();
    }

    /// <summary>A cluster that one test alone uses.</summary>
    public static async Task<Cluster> Start(Action<ISiloBuilder> configure, Action<IClientBuilder>? configureClient = null)
    {
        var cluster = new CustomCluster(configure, configureClient);
        await cluster.InitializeAsync();
        return cluster;
    }

    private sealed class CustomCluster(Action<ISiloBuilder> configure, Action<IClientBuilder>? configureClient) : Cluster
    {
        protected override void Configure(ISiloBuilder silo) => configure(silo);

        protected override void ConfigureClient(IClientBuilder client) => configureClient?.Invoke(client);
    }
}
