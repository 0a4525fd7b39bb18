using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.TestingHost;

namespace HostService.Tests.Packages.Orleans;

public sealed class TestingHostTests
{
    [Fact]
    public async Task A_test_cluster_is_built_from_configurators()
    {
        var builder = new TestClusterBuilder(1);
        builder.Properties["Greeting"] = "hello";
        builder.AddSiloBuilderConfigurator<SiloConfigurator>();
        builder.AddSiloBuilderConfigurator<HostConfigurator>();
        builder.AddClientBuilderConfigurator<ClientConfigurator>();
        await using var cluster = builder.Build();
        await cluster.DeployAsync();
        Assert.Equal(3, await cluster.GrainFactory.GetGrain<ITurnsGrain>("a").Add(3));
        Assert.Equal(4, await cluster.Client.GetGrain<ITurnsGrain>("a").Add(1));
        var silo = Assert.Single(cluster.Silos);
        Assert.True(silo.IsActive);
        Assert.Equal("hello", cluster.GetSiloServiceProvider().GetRequiredService<Greeting>().Text);
        Assert.Equal("from the client", cluster.ServiceProvider.GetRequiredService<Greeting>().Text);
        await cluster.StopAllSilosAsync();
        Assert.Empty(cluster.Silos);
    }

    [Fact]
    public void Something_that_configures_nothing_is_refused() => Assert.Throws<ArgumentException>(() => new TestClusterBuilder(1).AddSiloBuilderConfigurator<Gates>());

    [Fact]
    public async Task Clusters_side_by_side_know_nothing_of_each_other()
    {
        var clusters = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Cluster.Start(_ => { })));
        await Task.WhenAll(clusters.SelectMany((c, i) => Enumerable.Range(0, 20 * (i + 1)).Select(_ => c.Grains.GetGrain<ITurnsGrain>("same").Add(1))));
        for (var i = 0; i < clusters.Length; i++)
            Assert.Equal(20 * (i + 1), await clusters[i].Grains.GetGrain<ITurnsGrain>("same").Add(0));
        await Task.WhenAll(clusters.Select(c => c.DisposeAsync()));
    }

    [Fact]
    public async Task A_cluster_shows_its_activations()
    {
        var cluster = await Cluster.Start(_ => { });
        var grain = cluster.Grains.GetGrain<ITurnsGrain>("a");
        Assert.False(cluster.Running.TryGetGrainContext(grain.GetGrainId(), out _));
        await grain.Add(1);
        Assert.True(cluster.Running.TryGetGrainContext(grain.GetGrainId(), out var context));
        Assert.Equal(grain.GetGrainId(), context.GrainId);
        await cluster.DisposeAsync();
    }

    private sealed record Greeting(string? Text);

    private sealed class SiloConfigurator : ISiloConfigurator
    {
        public void Configure(ISiloBuilder siloBuilder) => siloBuilder.Services.AddSingleton<Gates>();
    }

    private sealed class HostConfigurator : IHostConfigurator
    {
        public void Configure(IHostBuilder hostBuilder) =>
            hostBuilder.ConfigureServices((context, services) => services.AddSingleton(new Greeting(context.Configuration["Greeting"])));
    }

    private sealed class ClientConfigurator : IClientBuilderConfigurator
    {
        public void Configure(IConfiguration configuration, IClientBuilder clientBuilder) => clientBuilder.Services.AddSingleton(new Greeting("from the client"));
    }
}
