using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace HostService.Gateway.Metrics;

/// <summary>
/// Collects metrics with OpenTelemetry and serves them at <c>/metrics</c>: every meter whose name begins with <c>HostService</c>, the web
/// server's and the runtime's. A new instrument of such a meter needs no registration.
/// </summary>
public static class GatewayMetrics
{
    // Wider than OpenTelemetry's own for seconds: a step of a spin-up may take minutes.
    private static readonly double[] DurationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

    /// <summary>
    /// The most combinations of labels of one metric; those beyond are counted together. OpenTelemetry takes the memory for all of them at
    /// once, and its own limit of 2,000 makes that five megabytes.
    /// </summary>
    private const int CardinalityLimit = 300;

    private const string CountSuffix = ".count";

    /// <summary>Keeps the host's figures fresh for an exporter that is not <c>/metrics</c>.</summary>
    public static IServiceCollection AddHostMetricsRefresh(this IServiceCollection services) =>
        services.AddHostedService<HostMetricsRefresh>();

    internal static void AddGatewayMetrics(this IServiceCollection services)
    {
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter("HostService*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
            .AddPrometheusExporter(prometheus =>
            {
                // The names and labels of /metrics are a contract, and older than OpenTelemetry in this service.
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
                prometheus.ScrapeResponseCacheDurationMilliseconds = 0;
            }));
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            var own = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => ViewOf(instrument, own));
        });
    }

    internal static RouteHandlerBuilder MapMetrics(this IEndpointRouteBuilder routes)
    {
        var scrape = routes.CreateApplicationBuilder().UseOpenTelemetryPrometheusScrapingEndpoint(_ => true).Build();
        return routes.MapGet("/metrics", async (HttpContext context, IRefreshedMetrics refreshed) =>
        {
            await refreshed.RefreshAsync();
            await scrape(context);
        });
    }

    private static MetricStreamConfiguration ViewOf(Instrument instrument, IMeterFactory own) => instrument switch
    {
        // Another host in this process, as in tests, has meters of its own.
        { Meter.Scope: { } scope } when !ReferenceEquals(scope, own) => MetricStreamConfiguration.Drop,
        // Prometheus' tools take a name that ends with _count for a part of a histogram.
        { Meter.Name: "System.Runtime" } when instrument.Name.EndsWith(CountSuffix, StringComparison.Ordinal) =>
            new MetricStreamConfiguration
            {
                Name = $"{instrument.Name[..^CountSuffix.Length]}.current",
                CardinalityLimit = CardinalityLimit,
            },
        Histogram<double> { Unit: "s", Advice: null } => new ExplicitBucketHistogramConfiguration
        {
            Boundaries = DurationBounds,
            CardinalityLimit = CardinalityLimit,
        },
        _ => new MetricStreamConfiguration { CardinalityLimit = CardinalityLimit },
    };
}
