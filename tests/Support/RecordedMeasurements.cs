using System.Diagnostics.Metrics;

namespace HostService.Tests.Support;

/// <summary>
/// What the test that made this has measured by one histogram: the labels of each measurement, as <c>name=value</c>. The instrument is the
/// whole process's; what other tests measure meanwhile is left out.
/// </summary>
public sealed class RecordedMeasurements : IDisposable
{
    /// <summary>Goes with the calls of the test, and with what they begin.</summary>
    private static readonly AsyncLocal<RecordedMeasurements?> OfThisTest = new();

    private readonly MeterListener _listener = new();
    private readonly List<string> _labels = [];

    public RecordedMeasurements(string instrument)
    {
        OfThisTest.Value = this;
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Name == instrument)
            {
                listener.EnableMeasurementEvents(published);
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            if (OfThisTest.Value == this)
            {
                var labels = string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
                lock (_labels)
                {
                    _labels.Add(labels);
                }
            }
        });
        _listener.Start();
    }

    public IReadOnlyList<string> Labels
    {
        get
        {
            lock (_labels)
            {
                return [.. _labels];
            }
        }
    }

    public void Dispose() => _listener.Dispose();
}
