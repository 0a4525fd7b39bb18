using System.Diagnostics;

namespace HostService.Grains.Lifecycle;

/// <summary>One trace for each spin-up and each clean-up, with a span per step. A failed spin-up includes its clean-up.</summary>
public static class LifecycleActivity
{
    /// <summary>Listen to this name, for example with OpenTelemetry.</summary>
    public const string SourceName = "HostService.Lifecycle";

    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>
    /// Starts the span of a step; null outside a trace: the steps of the host's own life are in the log, and each would be a trace of one
    /// span.
    /// </summary>
    public static Activity? StartStep(string name) => Activity.Current?.Source == Source ? Source.StartActivity(name) : null;

    /// <summary>Starts the span above the steps. Orleans does not carry a caller's span along, so it begins a trace.</summary>
    public static Activity? StartTrace(string name, string mandelboxId) =>
        Source.StartActivity(name)?.SetTag("mandelbox.id", mandelboxId);
}
