using System.Diagnostics;

namespace HostService.Grains.Lifecycle;

/// <summary>Traces of steps: one span per step, below the span of the spin-up or of the start that runs it.</summary>
public static class LifecycleActivity
{
    /// <summary>Listen to this name, for example with OpenTelemetry.</summary>
    public const string SourceName = "HostService.Lifecycle";

    public static ActivitySource Source { get; } = new(SourceName);
}
