using System.Globalization;
using Sentry.Extensibility;

namespace Sentry.Infrastructure;

/// <summary>Writes to standard output from a minimum level on.</summary>
public class ConsoleDiagnosticLogger(SentryLevel minimalLevel) : IDiagnosticLogger
{
    public bool IsEnabled(SentryLevel level) => level >= minimalLevel;

    public void Log(SentryLevel logLevel, string message, Exception? exception = null, params object?[] args)
    {
        var text = args.Length == 0 ? message : string.Format(CultureInfo.InvariantCulture, message, args);
        Console.WriteLine($"{logLevel,7}: {text}{(exception is null ? "" : Environment.NewLine + exception)}");
    }
}
