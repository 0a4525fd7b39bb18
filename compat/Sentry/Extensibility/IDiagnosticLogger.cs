namespace Sentry.Extensibility;

/// <summary>Hears what the SDK itself does and fails to do.</summary>
public interface IDiagnosticLogger
{
    bool IsEnabled(SentryLevel level);

    /// <param name="message">A format for <paramref name="args"/>.</param>
    void Log(SentryLevel logLevel, string message, Exception? exception = null, params object?[] args);
}
