using System.Diagnostics.Metrics;

namespace HostService.Grains.Mandelbox;

/// <summary>Counts and times the moves of mandelboxes from state to state, on the meter <c>HostService</c>.</summary>
internal static class MandelboxMeter
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Counter<long> Transitions = Meter.CreateCounter<long>(
        "host_service.mandelbox.transitions", description: "Transitions of mandelboxes, by the states left and reached.");

    private static readonly Counter<long> RefusedTransitions = Meter.CreateCounter<long>(
        "host_service.mandelbox.refused_transitions", description: "Transitions that the state machine refused.");

    private static readonly Histogram<double> Durations = Meter.CreateHistogram<double>(
        "host_service.mandelbox.state.duration", "s", "Time that mandelboxes spent in a state before they left it.");

    private static readonly Counter<long> Ends = Meter.CreateCounter<long>(
        "host_service.mandelbox.ends", description: "Mandelboxes that have gone, by the cause of their end.");

    public static void Ended(EndCause cause) => Ends.Add(1, new KeyValuePair<string, object?>("cause", cause.ToString()));

    public static void Moved(MandelboxState from, MandelboxState to, TimeSpan spent)
    {
        Transitions.Add(1, Tag("from", from), Tag("to", to));
        Durations.Record(spent.TotalSeconds, Tag("from", from));
    }

    public static void Refused(MandelboxState from, MandelboxState to) => RefusedTransitions.Add(1, Tag("from", from), Tag("to", to));

    private static KeyValuePair<string, object?> Tag(string name, MandelboxState state) => new(name, state.ToString());
}
