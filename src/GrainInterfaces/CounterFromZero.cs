using System.Collections.Frozen;
using System.Diagnostics.Metrics;

namespace HostService.GrainInterfaces;

/// <summary>
/// A counter whose series is there from the start, at 0. Prometheus' <c>increase</c> does not see the value that a series begins with: one
/// that begins with its first event hides that event from an alert.
/// </summary>
public sealed class CounterFromZero
{
    private long _count;

    /// <param name="meter">The meter of the counter.</param>
    /// <param name="name">The name of the counter.</param>
    /// <param name="description">What it counts.</param>
    public CounterFromZero(Meter meter, string name, string description) =>
        meter.CreateObservableCounter(name, () => Interlocked.Read(ref _count), description: description);

    /// <summary>Counts one more event.</summary>
    public void Add() => Interlocked.Increment(ref _count);
}

/// <summary>As <see cref="CounterFromZero"/>, with a series for each key.</summary>
public sealed class CounterFromZero<TKey>
    where TKey : notnull
{
    private readonly FrozenDictionary<TKey, Series> _series;

    /// <param name="meter">The meter of the counter.</param>
    /// <param name="name">The name of the counter.</param>
    /// <param name="description">What it counts.</param>
    /// <param name="keys">One for each series.</param>
    /// <param name="labels">The labels of a series.</param>
    public CounterFromZero(
        Meter meter, string name, string description, IEnumerable<TKey> keys, Func<TKey, KeyValuePair<string, object?>[]> labels)
    {
        _series = keys.ToFrozenDictionary(key => key, key => new Series(labels(key)));
        meter.CreateObservableCounter(name, () => _series.Values.Select(one => one.Measure()), description: description);
    }

    /// <summary>Counts one more event.</summary>
    public void Add(TKey key) => _series[key].Add();

    private sealed class Series(KeyValuePair<string, object?>[] labels)
    {
        private long _count;

        public void Add() => Interlocked.Increment(ref _count);

        public Measurement<long> Measure() => new(Interlocked.Read(ref _count), labels);
    }
}
