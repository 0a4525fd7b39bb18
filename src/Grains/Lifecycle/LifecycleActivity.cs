using System.Diagnostics;

namespace HostService.Grains.Lifecycle;

/// <summary>Traces: one for each spin-up and each clean-up of a mandelbox, with a span per step.</summary>
public static class LifecycleActivity
{
    /// <summary>Listen to this name, for example with OpenTelemetry.</summary>
    public const string SourceName = "HostService.Lifecycle";

    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Starts a new trace. The caller's span, such as that of the HTTP request, is not exported, so it must not be the parent.</summary>
    public static Activity? StartTrace(string name, string mandelboxId)
    {
        Activity.Current = null;
        return Source.StartActivity(name)?.SetTag("mandelbox.id", mandelboxId);
    }
}
