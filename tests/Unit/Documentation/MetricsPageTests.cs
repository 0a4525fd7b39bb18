using System.Diagnostics.Metrics;
using System.Reflection;
using HostService.Gateway.Metrics;
using HostService.Grains.Host;
using HostService.Infrastructure;
using HostService.Silo.Fleet;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Unit.Documentation;

/// <summary>
/// docs/metrics.md lists the instruments of the service, and no others. Their labels are compared with those of a running service.
/// </summary>
public sealed class MetricsPageTests
{
    private static readonly Assembly[] Assemblies =
        [typeof(HostMetrics).Assembly, typeof(HostGrain).Assembly, typeof(HostOptions).Assembly, typeof(ServiceHost).Assembly];

    [Fact]
    public async Task Every_metric_is_described_as_the_code_has_it()
    {
        var instruments = Static().Concat(await OfAServiceAsync()).Select(Describe).Order(StringComparer.Ordinal).ToList();

        Assert.Equal(
            instruments,
            MetricsTable.Read().Values.Select(metric => $"{metric.Name} {metric.Type}: {metric.Meaning}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Labels_are_in_alphabetical_order() => Assert.All(
        MetricsTable.Read().Values, metric => Assert.Equal(metric.Labels.Order(StringComparer.Ordinal), metric.Labels));

    /// <summary>Of the whole process: static classes make them.</summary>
    private static List<Instrument> Static()
    {
        const BindingFlags Fields = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly;
        var meters = Assemblies
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetFields(Fields))
            .Where(field => field.FieldType == typeof(Meter))
            .Select(field => (Meter)field.GetValue(null)!)
            .ToHashSet();
        return Published(instrument => meters.Contains(instrument.Meter));
    }

    /// <summary>Of the whole service and of a fleet, which are built and not run: whatever takes a factory of meters makes its instruments then.</summary>
    private static async Task<IReadOnlyList<Instrument>> OfAServiceAsync()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("APP_ENV", "LOCALDEV"), new("Host:ManageSystem", "false"), new("Logging:LogLevel:Default", "None")])
            .Build();
        await using var service = ServiceHost.Build(configuration, new ShutdownSignal(TimeProvider.System));
        await using var fleet = FleetRun.Build(configuration);
        IServiceProvider[] services = [service.Services, fleet.Services];
        var factories = services.Select(s => s.GetRequiredService<IMeterFactory>()).ToList();
        var makers = Assemblies.SelectMany(assembly => assembly.GetTypes()).Where(type => type.GetConstructors(
            BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Any(TakesMeters));
        foreach (var maker in makers)
        {
            // What both processes have, the first one makes.
            Assert.NotNull(maker.IsAssignableTo(typeof(ILoggerProvider))
                ? service.Services.GetServices<ILoggerProvider>().Single(maker.IsInstanceOfType)
                : services.Select(s => s.GetService(maker)).FirstOrDefault(made => made is not null));
        }

        return Published(instrument => factories.Exists(factory => ReferenceEquals(instrument.Meter.Scope, factory))
                && instrument.Name.StartsWith("host_service.", StringComparison.Ordinal))
            .DistinctBy(instrument => instrument.Name).ToList();
    }

    private static List<Instrument> Published(Func<Instrument, bool> isWanted)
    {
        var instruments = new List<Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (isWanted(instrument))
                {
                    instruments.Add(instrument);
                }
            },
        };
        listener.Start();
        return instruments;
    }

    private static bool TakesMeters(ConstructorInfo constructor) =>
        constructor.GetParameters().Any(parameter => parameter.ParameterType == typeof(IMeterFactory));

    /// <summary>As /metrics names it.</summary>
    private static string Describe(Instrument instrument)
    {
        var kind = instrument.GetType().GetGenericTypeDefinition().Name;
        var type = kind.Contains("Counter", StringComparison.Ordinal) ? "counter"
            : kind.Contains("Histogram", StringComparison.Ordinal) ? "histogram"
            : "gauge";
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        var total = type == "counter" ? "_total" : "";
        return $"{instrument.Name.Replace('.', '_')}{unit}{total} {type}: {instrument.Description}";
    }
}
