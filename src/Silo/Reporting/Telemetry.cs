using HostService.Gateway.Metrics;
using HostService.Grains.Lifecycle;
using HostService.Silo.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;

namespace HostService.Silo.Reporting;

/// <summary>Sends metrics, logs and traces to an OpenTelemetry collector. A trace is a spin-up or a clean-up, a span a step.</summary>
public static class Telemetry
{
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<TelemetryOptions>(TelemetryOptions.Section);
        if (builder.Configuration.ReadOrDefaults<TelemetryOptions>(TelemetryOptions.Section) is not { OtlpEndpoint.Length: > 0 } options)
        {
            return;
        }

        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                "host-service", serviceVersion: ServiceVersion.Number, serviceInstanceId: Environment.MachineName))
            .WithTracing(tracing => tracing.AddSource(LifecycleActivity.SourceName))
            .WithLogging(configureBuilder: null, logging => logging.IncludeFormattedMessage = true)
            .UseOtlpExporter(OtlpExportProtocol.HttpProtobuf, new Uri(options.OtlpEndpoint));
        builder.Services.AddHostMetricsRefresh();
    }
}

/// <summary>Section <c>Telemetry</c>.</summary>
public sealed class TelemetryOptions : IValidatedOptions
{
    public const string Section = "Telemetry";

    /// <summary>
    /// The collector's address for OTLP over HTTP, such as <c>http://127.0.0.1:4318</c>; <c>/v1/metrics</c> and so on are appended. Empty
    /// to send nothing.
    /// </summary>
    public string OtlpEndpoint { get; set; } = "";

    private bool IsValid => Uri.TryCreate(OtlpEndpoint, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https");

    public IEnumerable<string> Validate() => OtlpEndpoint.Length == 0 || IsValid
        ? []
        : [$"Telemetry:OtlpEndpoint is '{OtlpEndpoint}'; give the URL of a collector that takes OTLP over HTTP, "
            + "such as http://127.0.0.1:4318."];
}
