using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace HostService.Gateway.Metrics;

/// <summary>
/// Keeps what this process's meters measure, for <c>/metrics</c>: our own (names that begin with <c>HostService</c>), the web server's and the runtime's. Whoever wants a
/// figure there makes an instrument and needs to know nothing of Prometheus.
/// </summary>
internal sealed partial class MeterReadings : IHostedService, IDisposable
{
    private static readonly string[] Others = ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];

    private readonly ConcurrentDictionary<string, InstrumentReadings> _readings = new(StringComparer.Ordinal);
    private readonly Lock _scrape = new();
    private readonly MeterListener _listener = new();
    private readonly IMeterFactory _meters;
    private readonly ILogger<MeterReadings> _logger;

    public MeterReadings(IMeterFactory meters, ILogger<MeterReadings> logger)
    {
        _meters = meters;
        _logger = logger;
        _listener.InstrumentPublished = Published;
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, state) => Record(state, (double)value, tags));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Adds every family, by name.</summary>
    public void Write(PrometheusText text)
    {
        lock (_scrape)
        {
            foreach (var readings in _readings.Values)
                readings.ForgetObserved();
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException exception)
            {
                // One instrument that cannot be read never costs the others.
                Unreadable(_logger, exception);
            }

            foreach (var (_, readings) in _readings.OrderBy(r => r.Key, StringComparer.Ordinal))
                readings.Write(text);
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Published(Instrument instrument, MeterListener listener)
    {
        var name = instrument.Meter.Name;
        var ours = name.StartsWith("HostService", StringComparison.Ordinal) || Others.Contains(name, StringComparer.Ordinal);
        // Another host in this process has meters of its own.
        if (!ours || (instrument.Meter.Scope is not null && !ReferenceEquals(instrument.Meter.Scope, _meters)))
            return;
        // Instruments of one name are one family, whoever made them.
        var readings = new InstrumentReadings(instrument);
        listener.EnableMeasurementEvents(instrument, _readings.GetOrAdd(readings.Name, readings));
    }

    private static void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        (state as InstrumentReadings)?.Record(value, tags);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Some instruments could not be read")]
    private static partial void Unreadable(ILogger logger, Exception exception);
}
