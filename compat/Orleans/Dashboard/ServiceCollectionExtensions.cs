using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orleans.Dashboard;

/// <summary>Settings of the dashboard.</summary>
public sealed class DashboardOptions
{
    /// <summary>How often the page reloads itself, in milliseconds.</summary>
    public int CounterUpdateIntervalMs { get; set; } = 1000;
}

/// <summary>A page that shows what the grains are doing.</summary>
public static class ServiceCollectionExtensions
{
    public static ISiloBuilder AddDashboard(this ISiloBuilder siloBuilder, Action<DashboardOptions>? configureOptions = null)
    {
        siloBuilder.Services.TryAddSingleton<ProfilingWanted>();
        siloBuilder.Services.TryAddSingleton<DashboardPage>();
        siloBuilder.Services.Configure(configureOptions ?? (_ => { }));
        return siloBuilder;
    }

    /// <summary>Maps the page; whoever may see the route sees the page, so a policy belongs on what this returns.</summary>
    public static RouteGroupBuilder MapOrleansDashboard(this IEndpointRouteBuilder endpoints, string? routePrefix = null)
    {
        var page = endpoints.ServiceProvider.GetService<DashboardPage>()
            ?? throw new InvalidOperationException($"The dashboard was mapped but not added: call {nameof(AddDashboard)} on the silo builder.");
        var group = endpoints.MapGroup(routePrefix ?? "");
        group.MapGet("/", () => Results.Content(page.Html(), "text/html; charset=utf-8"));
        group.MapGet("/figures", () => Results.Json(page.Figures()));
        return group;
    }
}
