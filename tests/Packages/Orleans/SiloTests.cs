using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Serialization.Configuration;

namespace HostService.Tests.Packages.Orleans;

public interface IServedGrain : IGrainWithStringKey
{
    Task<string> Whose();

    Task<bool> HasItsOwnScope();
}

public sealed class Scoped : IDisposable
{
    public string Name { get; } = Guid.NewGuid().ToString("N");

    public bool IsDisposed { get; private set; }

    public void Dispose() => IsDisposed = true;
}

public sealed class ServedGrain(Scoped one, Scoped two, IGrainContext context, ILocatedService located) : Grain, IServedGrain
{
    public Task<string> Whose() => Task.FromResult($"{context.GrainId} {located.Where()}");

    public Task<bool> HasItsOwnScope() => Task.FromResult(ReferenceEquals(one, two) && ReferenceEquals(ServiceProvider.GetRequiredService<Scoped>(), one));
}

public interface ILocatedService
{
    string Where();
}

public sealed class LocatedService(IGrainContextAccessor accessor) : ILocatedService
{
    public string Where() => accessor.GrainContext?.GrainId.ToString() ?? "nowhere";
}

/// <summary>Not a grain interface: only shown to the check of signatures.</summary>
public interface IUnserializable
{
    Task Take(Unmarked unmarked);
}

public sealed class SiloTests
{
    [Fact]
    public async Task A_silo_runs_in_any_host_and_serves_the_rest_of_its_process()
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseFreePorts().ConfigureServices(Share)).Build();
        await host.StartAsync();
        Assert.Equal(3, await host.Services.GetRequiredService<IGrainFactory>().GetGrain<ITurnsGrain>("a").Add(3));
        Assert.Equal(4, await host.Services.GetRequiredService<IClusterClient>().GetGrain<ITurnsGrain>("a").Add(1));
        await host.StopAsync();
    }

    [Fact]
    public async Task Its_builder_may_be_used_more_than_once()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseFreePorts());
        builder.UseOrleans(silo => silo.ConfigureServices(Share));
        using var host = builder.Build();
        await host.StartAsync();
        Assert.Equal(3, await host.Services.GetRequiredService<IGrainFactory>().GetGrain<ITurnsGrain>("a").Add(3));
        await host.StopAsync();
    }

    [Fact]
    public async Task Calls_after_the_end_are_refused()
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseFreePorts().ConfigureServices(Share)).Build();
        await host.StartAsync();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<ITurnsGrain>("a");
        await grain.Add(1);
        await host.StopAsync();
        Assert.NotNull(await Record.ExceptionAsync(() => grain.Add(1).WaitAsync(TimeSpan.FromSeconds(20))));
    }

    [Fact]
    public async Task Grains_get_services_from_a_scope_of_their_own_and_know_who_they_are()
    {
        var cluster = await Cluster.Start(silo => silo.Services.AddScoped<Scoped>().AddSingleton<ILocatedService, LocatedService>());
        Assert.Equal("served/a served/a", await cluster.Grains.GetGrain<IServedGrain>("a").Whose());
        Assert.True(await cluster.Grains.GetGrain<IServedGrain>("a").HasItsOwnScope());
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task Start_goes_up_the_stages_and_the_end_goes_down()
    {
        var log = new Log();
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(new Participant(log));
            silo.AddStartupTask(async (services, _) =>
                log.Write($"task {await services.GetRequiredService<IGrainFactory>().GetGrain<IIntegerKeyGrain>(7).Key()}"));
        });
        Assert.Equal(["up 4000", "up 10000", "task 7"], log.Lines.Where(l => l != "up 20000"));
        await cluster.DisposeAsync();
        Assert.Equal(["down 20000", "down 10000", "down 4000"], log.Lines.Where(l => l.StartsWith("down", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_participant_that_fails_keeps_the_silo_from_starting()
    {
        var log = new Log();
        using var host = new HostBuilder().UseOrleans(silo =>
        {
            silo.UseFreePorts();
            silo.AddStartupTask((_, _) => throw new InvalidOperationException("not today"));
        }).Build();
        Assert.Contains("not today", (await Record.ExceptionAsync(() => host.StartAsync()))!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_cannot_cross_a_call_keeps_the_silo_from_starting()
    {
        using var host = new HostBuilder().UseOrleans(silo =>
        {
            silo.UseFreePorts();
            silo.Configure<TypeManifestOptions>(options =>
            {
                options.EnableConfigurationAnalysis = true;
                options.Interfaces.Add(typeof(IUnserializable));
            });
        }).Build();
        var exception = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync());
        Assert.Contains(nameof(Unmarked), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silo_without_clustering_does_not_start()
    {
        using var host = new HostBuilder().UseOrleans(_ => { }).Build();

        // The package's own check, or the injection that comes before it: which of the two speaks differs between its versions.
        var exception = await Record.ExceptionAsync(() => host.StartAsync());
        Assert.True(exception is OrleansConfigurationException or InvalidOperationException, $"{exception}");
    }

    [Fact]
    public async Task A_collection_age_below_its_quantum_is_refused()
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseFreePorts()
            .Configure<GrainCollectionOptions>(options => options.CollectionAge = TimeSpan.FromSeconds(1))).Build();
        Assert.Contains("CollectionAge", (await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_is_a_silo_or_a_client()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseLocalhostClustering());
        Assert.Throws<OrleansConfigurationException>(() => builder.UseOrleansClient());
    }

    private static void Share(IServiceCollection services) => services.AddSingleton<Gates>();

    private sealed class Participant(Log log) : ILifecycleParticipant<ISiloLifecycle>
    {
        public void Participate(ISiloLifecycle lifecycle)
        {
            foreach (var stage in new[] { ServiceLifecycleStage.Active, ServiceLifecycleStage.RuntimeServices, ServiceLifecycleStage.ApplicationServices })
                lifecycle.Subscribe<Participant>(stage, _ => Write($"up {stage}"), _ => Write($"down {stage}"));
        }

        private Task Write(string line)
        {
            log.Write(line);
            return Task.CompletedTask;
        }
    }
}
