using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace HostService.Gateway.Metrics;

/// <summary>What one instrument has measured, by its labels.</summary>
internal sealed class InstrumentReadings
{
    // A label that is different each time would fill the memory; beyond this many, further ones are summed up under "overflow".
    internal const int MostSeries = 1000;
    private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

    private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
    private readonly string _help;
    private readonly Kind _kind;
    private readonly bool _observed;
    private readonly double[] _bounds;

    public InstrumentReadings(Instrument instrument)
    {
        var type = instrument.GetType().GetGenericTypeDefinition();
        _observed = instrument.IsObservable;
        _kind = type == typeof(Histogram<>) ? Kind.Histogram
            : type == typeof(Counter<>) || type == typeof(ObservableCounter<>) ? Kind.Counter
            : type == typeof(UpDownCounter<>) ? Kind.Sum
            : Kind.Gauge;
        _help = instrument.Description ?? instrument.Name;
        _bounds = _kind == Kind.Histogram ? BoundsOf(instrument) : [];
        Name = NameOf(instrument.Name, instrument.Unit, _kind);
    }

    private enum Kind
    {
        Counter,
        Sum,
        Gauge,
        Histogram,
    }

    /// <summary>The family's name.</summary>
    public string Name { get; }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = LabelsOf(tags);
        if (!_series.TryGetValue(labels, out var series))
            series = _series.GetOrAdd(_series.Count < MostSeries ? labels : PrometheusText.Labels(("overflow", "true")), _ => new Series(_bounds.Length));
        lock (series)
        {
            // An observed counter tells its total, the others what has been added.
            series.Value = _observed || _kind == Kind.Gauge ? value : series.Value + value;
            series.Count++;
            if (_kind == Kind.Histogram && Array.FindIndex(_bounds, b => value <= b) is >= 0 and var bucket)
                series.Buckets[bucket]++;
        }
    }

    /// <summary>What is observed anew at each scrape does not outlive what it was about.</summary>
    public void ForgetObserved()
    {
        if (_observed)
            _series.Clear();
    }

    public void Write(PrometheusText text)
    {
        if (_series.IsEmpty)
            return;
        text.Family(Name, _kind switch { Kind.Counter => "counter", Kind.Histogram => "histogram", _ => "gauge" }, _help);
        foreach (var (labels, series) in _series.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            lock (series)
            {
                if (_kind == Kind.Histogram)
                    WriteHistogram(text, labels, series);
                else
                    text.Sample(series.Value, labels);
            }
        }
    }

    private void WriteHistogram(PrometheusText text, string labels, Series series)
    {
        var before = labels.Length > 0 ? labels + "," : "";
        var total = 0L;
        for (var i = 0; i < _bounds.Length; i++)
        {
            total += series.Buckets[i];
            text.Sample(total, $"{before}le=\"{PrometheusText.Number(_bounds[i])}\"", "_bucket");
        }

        text.Sample(series.Count, $"{before}le=\"+Inf\"", "_bucket").Sample(series.Value, labels, "_sum").Sample(series.Count, labels, "_count");
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
            return "";
        var labels = new (string Name, string Value)[tags.Length];
        for (var i = 0; i < tags.Length; i++)
            labels[i] = (tags[i].Key, tags[i].Value switch { null => "", bool flag => flag ? "true" : "false", var value => value.ToString() ?? "" });
        Array.Sort(labels, static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return PrometheusText.Labels(labels);
    }

    private static double[] BoundsOf(Instrument instrument) =>
        instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } ? [.. bounds] : DefaultBounds;

    private static string NameOf(string name, string? unit, Kind kind)
    {
        var clean = PrometheusText.Name(name);
        var suffix = unit switch { "s" => "_seconds", "ms" => "_milliseconds", "By" => "_bytes", "1" when kind != Kind.Counter => "_ratio", _ => "" };
        if (suffix.Length > 0 && !clean.EndsWith(suffix, StringComparison.Ordinal))
            clean += suffix;
        return kind == Kind.Counter && !clean.EndsWith("_total", StringComparison.Ordinal) ? clean + "_total" : clean;
    }

    private sealed class Series(int buckets)
    {
        public double Value { get; set; }

        public long Count { get; set; }

        public long[] Buckets { get; } = new long[buckets];
    }
}
