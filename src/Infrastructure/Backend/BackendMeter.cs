using System.Diagnostics.Metrics;

namespace HostService.Infrastructure.Backend;

/// <summary>Times calls to what is not on this host, on the meter <c>HostService</c>.</summary>
internal static class BackendMeter
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Histogram<double> Durations = Meter.CreateHistogram(
        "host_service.backend.call.duration",
        "s",
        "Time of calls to the database, the webserver, and the store of user configs, by result; retries are within a call.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
        });

    public static void Called(BackendService service, BackendResult result, TimeSpan took) => Durations.Record(
        took.TotalSeconds,
        new KeyValuePair<string, object?>("service", MetricLabels.Of(service)),
        new KeyValuePair<string, object?>("result", MetricLabels.Of(result)));
}

internal enum BackendService
{
    Database,
    Webserver,
    S3,
}

/// <summary>How a call to the backend ended.</summary>
internal enum BackendResult
{
    Ok,
    Failed,
    Timeout,

    /// <summary>The caller gave it up.</summary>
    Cancelled,
}
