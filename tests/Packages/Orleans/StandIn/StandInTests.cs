using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;
using Orleans.TestingHost;

namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>What is the stand-in's own: its limits, its page. (Its speed is measured by <c>bench grain-calls</c>.)</summary>
public sealed class StandInTests
{
    [Fact]
    public async Task A_client_in_another_process_says_that_it_needs_the_real_package()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleansClient(client => client.UseLocalhostClustering());
        using var host = builder.Build();
        var exception = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync());
        Assert.Contains("needs the real Microsoft.Orleans.Client package", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(ITakesUnnumbered), "Unnumbered.Lost has no [Id]")]
    [InlineData(typeof(ITakesDeep), "has no [GenerateSerializer]")]
    [InlineData(typeof(IReturnsPlainly), "returns System.Int32")]
    public async Task A_signature_that_the_real_package_would_trip_over_is_refused_at_start(Type signature, string complaint)
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseFreePorts()
            .Configure<global::Orleans.Serialization.Configuration.TypeManifestOptions>(options => options.Interfaces.Add(signature))).Build();
        var exception = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync());
        Assert.Contains(complaint, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_than_one_silo_is_refused()
    {
        await using var cluster = new TestClusterBuilder(2).Build();
        Assert.Contains("one process with one silo", (await Assert.ThrowsAsync<NotSupportedException>(cluster.DeployAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_says_what_it_is()
    {
        var assembly = typeof(IGrain).Assembly;
        Assert.Equal("10.4.2 (compat/Orleans)", assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);
        Assert.Equal("HostService.Compat.Orleans", assembly.GetName().Name);
    }

    [Fact]
    public async Task The_dashboard_tells_activations_calls_and_errors_per_grain_type()
    {
        await using var app = await DashboardTests.Start(silo => silo.AddDashboard(), "/d");
        var grains = app.Services.GetRequiredService<IGrainFactory>();
        for (var i = 0; i < 3; i++)
            await grains.GetGrain<IIntegerKeyGrain>(i).Key();
        await Assert.ThrowsAsync<InvalidOperationException>(() => grains.GetGrain<IFailingGrain>("x").Fail("y"));
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var figures = (await http.GetFromJsonAsync<JsonElement>("/d/figures")).EnumerateArray().ToDictionary(f => f.GetProperty("grainClass").GetString()!);
        var keys = figures[typeof(IntegerKeyGrain).FullName!];
        Assert.Equal(3, keys.GetProperty("activations").GetInt32());
        Assert.Equal(3, keys.GetProperty("calls").GetInt32());
        Assert.Equal(0, keys.GetProperty("errors").GetInt32());
        Assert.True(keys.GetProperty("callsPerSecond").GetDouble() > 0);
        Assert.Equal(1, figures[typeof(FailingGrain).FullName!].GetProperty("errors").GetInt32());
        Assert.Contains("FailingGrain", await http.GetStringAsync(new Uri("/d/", UriKind.Relative)), StringComparison.Ordinal);
        await app.StopAsync();
    }

    [Fact]
    public async Task A_dashboard_that_was_not_added_cannot_be_mapped() =>
        Assert.Contains(nameof(ServiceCollectionExtensions.AddDashboard), (await Assert.ThrowsAsync<InvalidOperationException>(() => DashboardTests.Start(_ => { }, "/d"))).Message, StringComparison.Ordinal);
}
