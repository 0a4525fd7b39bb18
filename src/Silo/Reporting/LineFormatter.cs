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
        // Piece by piece: each string put together first is garbage.
        var text = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (forJournal)
        {
            textWriter.Write('<');
            textWriter.Write(Syslog(logEntry.LogLevel));
            textWriter.Write('>');
            WriteStart(logEntry.LogLevel, logEntry.Category, textWriter);
            textWriter.Write(text.ReplaceLineEndings(" "));
            if (logEntry.Exception is { } exception)
            {
                textWriter.Write(' ');
                textWriter.Write(exception.ToString().ReplaceLineEndings(" "));
            }

            textWriter.WriteLine();
            return;
        }

        Span<char> time = stackalloc char["HH:mm:ss.fff".Length];
        DateTimeOffset.UtcNow.TryFormat(time, out _, "HH:mm:ss.fff", CultureInfo.InvariantCulture);
        textWriter.Write(time);
        textWriter.Write(' ');
        WriteStart(logEntry.LogLevel, logEntry.Category, textWriter);
        textWriter.WriteLine(text);
        if (logEntry.Exception is not null)
        {
            textWriter.WriteLine(logEntry.Exception);
        }
    }

    private static void WriteStart(LogLevel level, string category, TextWriter textWriter)
    {
        textWriter.Write(Short(level));
        textWriter.Write(": ");
        textWriter.Write(category.AsSpan(category.LastIndexOf('.') + 1));
        textWriter.Write(": ");
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

    private static char Syslog(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => '7',
        LogLevel.Information => '6',
        LogLevel.Warning => '4',
        LogLevel.Error => '3',
        _ => '2',
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
