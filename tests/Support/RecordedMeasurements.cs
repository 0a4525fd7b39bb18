using System.Diagnostics.Metrics;

namespace HostService.Tests.Support;

/// <summary>
/// What the test that made this has measured by one histogram. The instrument is the whole process's; what other tests measure meanwhile is
/// left out.
/// </summary>
public sealed class RecordedMeasurements : IDisposable
{
    /// <summary>Goes with the calls of the test, and with what they begin.</summary>
    private static readonly AsyncLocal<RecordedMeasurements?> OfThisTest = new();

    private readonly MeterListener _listener = new();
    private readonly List<(string Labels, double Value)> _measurements = [];

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
        _listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            if (OfThisTest.Value == this)
            {
                var labels = string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
                lock (_measurements)
                {
                    _measurements.Add((labels, value));
                }
            }
        });
        _listener.Start();
    }

    /// <summary>The labels of each measurement, as <c>name=value</c>.</summary>
    public IReadOnlyList<string> Labels => [.. Measurements().Select(measurement => measurement.Labels)];

    public IReadOnlyList<double> Values => [.. Measurements().Select(measurement => measurement.Value)];

    public void Dispose() => _listener.Dispose();

    private (string Labels, double Value)[] Measurements()
    {
        lock (_measurements)
        {
            return [.. _measurements];
        }
    }
}
