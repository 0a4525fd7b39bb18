using System.Diagnostics;

namespace HostService.Grains.Lifecycle;

/// <summary>One trace for each spin-up and each clean-up, with a span per step. A failed spin-up includes its clean-up.</summary>
public static class LifecycleActivity
{
    /// <summary>Listen to this name, for example with OpenTelemetry.</summary>
    public const string SourceName = "HostService.Lifecycle";

    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Starts the span above the steps. Orleans does not carry a caller's span along, so it begins a trace.</summary>
    public static Activity? StartTrace(string name, string mandelboxId) =>
        Source.StartActivity(name)?.SetTag("mandelbox.id", mandelboxId);
}
