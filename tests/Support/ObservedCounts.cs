using System.Diagnostics.Metrics;

namespace HostService.Tests.Support;

/// <summary>What an observable counter shows.</summary>
public static class ObservedCounts
{
    /// <summary>The count of each series, by its labels as <c>name=value</c>.</summary>
    /// <param name="instrument">The counter.</param>
    /// <param name="meters">Where its meter is from; null for the whole process's.</param>
    public static IReadOnlyDictionary<string, long> Read(string instrument, IMeterFactory? meters = null)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (published, listener) =>
            {
                if (published.Name == instrument && ReferenceEquals(published.Meter.Scope, meters))
                {
                    listener.EnableMeasurementEvents(published);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            counts[string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))] = count);
        listener.Start();
        listener.RecordObservableInstruments();
        return counts;
    }
}
