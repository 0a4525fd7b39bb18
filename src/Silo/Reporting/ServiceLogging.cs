using Microsoft.Extensions.Logging.Console;

namespace HostService.Silo.Reporting;

/// <summary>
/// Logs to standard error, because standard output holds the ready line only. <c>Logging:Format</c> chooses lines for systemd's journal,
/// lines for a terminal, or JSON.
/// </summary>
public static class ServiceLogging
{
    public static void AddServiceLogging(this IHostApplicationBuilder builder)
    {
        var logging = builder.Logging;
        logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        logging.SetMinimumLevel(LogLevel.Information);

        // Orleans' advice (server GC, a slow first tick) does not apply here. Polly logs two lines for each placement of a grain.
        SetDefaultLevel(builder, "Orleans", LogLevel.Error);
        SetDefaultLevel(builder, "Polly", LogLevel.Warning);
        SetDefaultLevel(builder, "Microsoft", LogLevel.Warning);

        // Four lines a request, and a stack for one that failed, which whoever sent it reports.
        SetDefaultLevel(builder, "System.Net.Http.HttpClient", LogLevel.Warning);

        // Logs the stack of a failed start, which is reported in one line.
        SetDefaultLevel(builder, "Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddConsole(o =>
        {
            o.LogToStandardErrorThreshold = LogLevel.Trace;
            o.FormatterName = FormatterName(builder.Configuration);
        });
        logging.AddConsoleFormatter<SimpleLineFormatter, ConsoleFormatterOptions>();
        logging.AddConsoleFormatter<JournalLineFormatter, ConsoleFormatterOptions>();
        logging.Services.Configure<JsonConsoleFormatterOptions>(o =>
        {
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        });
        logging.AddErrorReporting();
        builder.Services.AddMetrics();
        builder.Services.AddSingleton<ILoggerProvider, LogLineCounter>();
        builder.Services.AddValidatedOptions<LogFormatOptions>(LogFormatOptions.Section);
        builder.Services.AddValidatedOptions<ErrorReportingOptions>(ErrorReportingOptions.Section);
    }

    /// <summary>Levels that are none; .NET throws at the first one while it sets up the log.</summary>
    public static IEnumerable<string> ValidateLevels(IConfiguration configuration) => configuration.GetSection("Logging").AsEnumerable()
        .Where(s => s.Value is not null && s.Key.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase))
        .Where(s => !Enum.TryParse<LogLevel>(s.Value, ignoreCase: true, out var level) || !Enum.IsDefined(level))
        .Select(s => $"{s.Key} is '{s.Value}'; it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");

    // systemd sets JOURNAL_STREAM when standard error is its journal.
    private static string FormatterName(IConfiguration configuration) => configuration["Logging:Format"] switch
    {
        "json" => ConsoleFormatterNames.Json,
        "systemd" => JournalLineFormatter.FormatterName,
        not "simple" when Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null => JournalLineFormatter.FormatterName,
        _ => SimpleLineFormatter.FormatterName,
    };

    /// <summary>Has no effect where the operator has set a level for this category.</summary>
    private static void SetDefaultLevel(IHostApplicationBuilder builder, string category, LogLevel level)
    {
        if (builder.Configuration[$"Logging:LogLevel:{category}"] is null)
        {
            builder.Logging.AddFilter(category, level);
        }
    }
}

/// <summary>Section <c>Logging</c>, as far as it is ours.</summary>
public sealed class LogFormatOptions : IValidatedOptions
{
    public const string Section = "Logging";

    /// <summary><c>systemd</c>, <c>json</c> or <c>simple</c>; where it is not set, systemd under systemd and simple elsewhere.</summary>
    public string Format { get; set; } = "";

    public IEnumerable<string> Validate() =>
        Format is "" or "systemd" or "json" or "simple" ? [] : ["Logging:Format must be systemd, json or simple."];
}
