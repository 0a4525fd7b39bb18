using System.Diagnostics.Metrics;

namespace HostService.Silo.Background;

/// <summary>Measures how late this process does what is due: its timers, and the work that waits for a thread of the pool.</summary>
public sealed class LagMeter(IMeterFactory meters, TimeProvider timeProvider)
{
    private readonly Histogram<double> _lag = meters.Create("HostService.Lag").CreateHistogram(
        "host_service.event_loop.lag",
        "s",
        "How late a timer's work begins in this process, measured once a second.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
        });

    /// <summary>Waits, and measures by how much longer than asked for. Returns at once when cancelled.</summary>
    public async Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        var began = timeProvider.GetTimestamp();
        await Task.WhenAny(Task.Delay(delay, timeProvider, cancellationToken));
        if (!cancellationToken.IsCancellationRequested)
        {
            // A timer may fire a moment early.
            _lag.Record(Math.Max(0, (timeProvider.GetElapsedTime(began) - delay).TotalSeconds));
        }
    }
}
