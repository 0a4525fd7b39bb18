using System.Diagnostics.Metrics;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;

namespace HostService.Grains.Lifecycle;

/// <summary>Times the steps of mandelboxes, and counts those that fail, on the meter <c>HostService</c>.</summary>
internal static class StepMeter
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Histogram<double> Durations = Meter.CreateHistogram(
        "host_service.step.duration",
        "s",
        "How long each step of mandelboxes took, and each undo.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180],
        });

    private static readonly Counter<long> Failures = Meter.CreateCounter<long>(
        "host_service.step.failures", description: "Steps and undos of mandelboxes that failed, by the kind of the reason.");

    public static void Ended(string step, bool undo, TimeSpan took, StepFault? fault)
    {
        var (name, action) = (Tag("step", step.Replace(' ', '_')), Tag("action", undo ? "undo" : "do"));
        Durations.Record(took.TotalSeconds, name, action);
        if (fault is { } reason)
        {
            Failures.Add(1, name, action, Tag("reason", MetricLabels.Of(reason)));
        }
    }

    /// <summary>The kind of fault that an exception stands for.</summary>
    public static StepFault Of(Exception exception) => exception switch
    {
        TimeoutException => StepFault.Timeout,
        OperationCanceledException => StepFault.Cancelled,
        ContainerEngineException => StepFault.Engine,
        BackendDatabaseException => StepFault.Database,
        InputDeviceException => StepFault.Device,
        IOException or UnauthorizedAccessException => StepFault.File,
        _ => StepFault.Other,
    };

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

/// <summary>Why a step failed, as far as a metric may tell: a few kinds.</summary>
internal enum StepFault
{
    /// <summary>An expected failure, such as a full host.</summary>
    Refused,
    Timeout,

    /// <summary>The mandelbox was ended meanwhile.</summary>
    Cancelled,
    Engine,
    Database,
    Device,
    File,
    Other,
}
