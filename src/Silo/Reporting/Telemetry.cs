using HostService.Gateway.Metrics;
using HostService.Grains.Lifecycle;
using HostService.Silo.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace HostService.Silo.Reporting;

/// <summary>Sends metrics, logs and traces to an OpenTelemetry collector. A trace is a spin-up or a clean-up, a span a step.</summary>
public static class Telemetry
{
    /// <summary>How long a collector that does not answer holds up the end of the service.</summary>
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

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

    /// <summary>
    /// Sends what is queued, and the metrics a last time, as far as <see cref="FlushTimeout"/> allows. The disposal of the providers would
    /// do that too, but one after the other: with a timeout for each.
    /// </summary>
    public static Task FlushAsync(IServiceProvider services)
    {
        var timeout = (int)FlushTimeout.TotalMilliseconds;
        return Task.WhenAll(
            Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(timeout)),
            Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(timeout)),
            Task.Run(() => services.GetService<LoggerProvider>()?.Shutdown(timeout)));
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
