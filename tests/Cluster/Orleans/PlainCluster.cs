using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace HostService.Tests.Cluster.Orleans;

/// <summary>A silo with nothing of ours but the grains of these tests.</summary>
public class PlainCluster : IAsyncLifetime
{
    private readonly InProcessTestCluster _cluster;

    public PlainCluster()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(Gates);
            Configure(silo);
        });
        _cluster = builder.Build();
    }

    public Gates Gates { get; } = new();

    public IGrainFactory Grains => _cluster.Client;

    public Task InitializeAsync() => _cluster.DeployAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    protected virtual void Configure(ISiloBuilder silo)
    {
    }
}
