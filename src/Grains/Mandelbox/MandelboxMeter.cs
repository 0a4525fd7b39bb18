using System.Diagnostics.Metrics;
using HostService.GrainInterfaces;

namespace HostService.Grains.Mandelbox;

/// <summary>Counts and times transitions, for whoever listens to the meter <c>HostService</c>.</summary>
internal static class MandelboxMeter
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Counter<long> Transitions =
        Meter.CreateCounter<long>("host_service.mandelbox.transitions", description: "Transitions of mandelboxes, by the states left and reached.");

    private static readonly Histogram<double> Durations =
        Meter.CreateHistogram<double>("host_service.mandelbox.state.duration", "s", "Time that mandelboxes spent in a state before they left it.");

    public static void Moved(MandelboxState from, MandelboxState to, TimeSpan spent)
    {
        var left = new KeyValuePair<string, object?>("from", from.ToString());
        Transitions.Add(1, left, new KeyValuePair<string, object?>("to", to.ToString()));
        Durations.Record(spent.TotalSeconds, left);
    }
}
