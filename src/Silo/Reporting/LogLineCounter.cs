using System.Diagnostics.Metrics;

namespace HostService.Silo.Reporting;

/// <summary>Counts the lines of the log by level, so that an alert can ask for errors.</summary>
[ProviderAlias("Counter")]
internal sealed class LogLineCounter : ILoggerProvider, ILogger
{
    private static readonly LogLevel[] Counted = [LogLevel.Warning, LogLevel.Error, LogLevel.Critical];

    private readonly long[] _lines = new long[(int)LogLevel.None];

    public LogLineCounter(IMeterFactory meters) => meters.Create("HostService.Log").CreateObservableCounter(
        "host_service.log.lines",
        () => Counted.Select(level => new Measurement<long>(
            Interlocked.Read(ref _lines[(int)level]), new KeyValuePair<string, object?>("level", MetricLabels.Of(level)))),
        description: "Lines of the log since the start, by level.");

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel is LogLevel.Warning or LogLevel.Error or LogLevel.Critical;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Interlocked.Increment(ref _lines[(int)logLevel]);
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
        // Holds nothing.
    }
}
