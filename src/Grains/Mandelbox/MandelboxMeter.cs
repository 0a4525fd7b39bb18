using System.Diagnostics.Metrics;

namespace HostService.Grains.Mandelbox;

/// <summary>Counts and times spin-ups, and the moves of mandelboxes from state to state, on the meter <c>HostService</c>.</summary>
internal static class MandelboxMeter
{
    private static readonly Meter Meter = new("HostService");

    private static readonly Counter<long> Transitions = Meter.CreateCounter<long>(
        "host_service.mandelbox.transitions", description: "Transitions of mandelboxes, by the states left and reached.");

    private static readonly CounterFromZero<(MandelboxState From, MandelboxState To)> RefusedTransitions = new(
        Meter,
        "host_service.mandelbox.refused_transitions",
        "Transitions that the state machine refused.",
        from one in Enum.GetValues<MandelboxState>()
        from other in Enum.GetValues<MandelboxState>()
        where !one.CanBecome(other)
        select (one, other),
        move => [Tag("from", move.From), Tag("to", move.To)]);

    /// <summary>The states of a start take milliseconds, a session hours.</summary>
    private static readonly Histogram<double> Durations = Meter.CreateHistogram(
        "host_service.mandelbox.state.duration",
        "s",
        "Time that mandelboxes spent in a state before they left it.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400],
        });

    private static readonly CounterFromZero<EndCause> Ends = new(
        Meter,
        "host_service.mandelbox.ends",
        "Mandelboxes that have gone, by the cause of their end.",
        Enum.GetValues<EndCause>(),
        cause => [new("cause", MetricLabels.Of(cause))]);

    /// <summary>Dense where spin-ups usually end, so that a percentile is exact to about a quarter.</summary>
    private static readonly Histogram<double> SpinUps = Meter.CreateHistogram(
        "host_service.spin_up.duration",
        "s",
        "Time from a user's spin-up to its answer, by its result and the way in which the mandelbox got its container.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300],
        });

    public static void Ended(EndCause cause) => Ends.Add(cause);

    public static void Moved(MandelboxState from, MandelboxState to, TimeSpan spent)
    {
        Transitions.Add(1, Tag("from", from), Tag("to", to));
        Durations.Record(spent.TotalSeconds, Tag("state", from));
    }

    public static void Refused(MandelboxState from, MandelboxState to) => RefusedTransitions.Add((from, to));

    public static void SpunUp(SpinUpResult result, SpinUpWay way, TimeSpan took) => SpinUps.Record(
        took.TotalSeconds,
        new KeyValuePair<string, object?>("result", MetricLabels.Of(result)),
        new KeyValuePair<string, object?>("way", MetricLabels.Of(way)));

    private static KeyValuePair<string, object?> Tag(string name, MandelboxState state) => new(name, MetricLabels.Of(state));
}

/// <summary>How a spin-up was answered.</summary>
internal enum SpinUpResult
{
    /// <summary>The user has a mandelbox.</summary>
    Ready,

    /// <summary>This host or its engine failed it.</summary>
    Failed,

    /// <summary>Nothing was free, or the request was not acceptable.</summary>
    Refused,

    /// <summary>Somebody ended the mandelbox meanwhile.</summary>
    Ended,
}

/// <summary>How a spin-up gets its container.</summary>
internal enum SpinUpWay
{
    /// <summary>A container of its own, which publishes its ports.</summary>
    Cold,

    /// <summary>A container of its own, which joins a network sandbox.</summary>
    Sandbox,

    /// <summary>The container of a mandelbox that waited.</summary>
    Warm,
}
