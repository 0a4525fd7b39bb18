using System.Diagnostics.Metrics;

namespace HostService.Silo.Reporting;

/// <summary>Counts the lines of the log by level, so that an alert can ask for errors.</summary>
[ProviderAlias("Counter")]
internal sealed class LogLineCounter(IMeterFactory meters) : ILoggerProvider, ILogger
{
    private readonly CounterFromZero<LogLevel> _lines = new(
        meters.Create("HostService.Log"),
        "host_service.log.lines",
        "Lines of the log since the start, by level.",
        [LogLevel.Warning, LogLevel.Error, LogLevel.Critical],
        level => [new("level", MetricLabels.Of(level))]);

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel is LogLevel.Warning or LogLevel.Error or LogLevel.Critical;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            _lines.Add(logLevel);
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
        // Holds nothing.
    }
}
