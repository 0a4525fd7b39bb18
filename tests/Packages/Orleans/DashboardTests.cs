using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;

namespace HostService.Tests.Packages.Orleans;

public sealed class DashboardTests
{
    [Fact]
    public async Task The_dashboard_is_a_page_of_the_application()
    {
        await using var app = await Start(silo => silo.AddDashboard(), "/dashboard");
        await app.Services.GetRequiredService<IGrainFactory>().GetGrain<IIntegerKeyGrain>(1).Key();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var page = await http.GetAsync("/dashboard/");
        Assert.True(page.IsSuccessStatusCode);
        Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        await app.StopAsync();
    }

    internal static async Task<WebApplication> Start(Action<ISiloBuilder> configure, string prefix)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.UseOrleans(silo => configure(silo.UseFreePorts()));
        var app = builder.Build();
        app.MapOrleansDashboard(routePrefix: prefix);
        await app.StartAsync();
        return app;
    }
}
