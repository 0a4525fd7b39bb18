using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace HostService.Silo.Reporting;

/// <summary>
/// Writes a message as time, level, the last part of the category, and text; an exception follows. The journal adds the time itself and
/// takes one line a message: there the line begins with the syslog number of the level.
/// </summary>
internal abstract class LineFormatter(string name, bool forJournal) : ConsoleFormatter(name)
{
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var category = logEntry.Category[(logEntry.Category.LastIndexOf('.') + 1)..];
        var text = $"{Short(logEntry.LogLevel)}: {category}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}";
        if (forJournal)
        {
            var whole = logEntry.Exception is { } exception ? $"{text} {exception}" : text;
            textWriter.WriteLine($"<{Syslog(logEntry.LogLevel)}>{whole.ReplaceLineEndings(" ")}");
            return;
        }

        textWriter.WriteLine($"{DateTimeOffset.UtcNow.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)} {text}");
        if (logEntry.Exception is not null)
        {
            textWriter.WriteLine(logEntry.Exception);
        }
    }

    private static string Short(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };

    private static int Syslog(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => 7,
        LogLevel.Information => 6,
        LogLevel.Warning => 4,
        LogLevel.Error => 3,
        _ => 2,
    };
}

/// <summary>For a terminal or a file.</summary>
internal sealed class SimpleLineFormatter() : LineFormatter(FormatterName, forJournal: false)
{
    public const string FormatterName = "host-service-simple";
}

/// <summary>For systemd's journal.</summary>
internal sealed class JournalLineFormatter() : LineFormatter(FormatterName, forJournal: true)
{
    public const string FormatterName = "host-service-journal";
}
