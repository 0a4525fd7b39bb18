using Microsoft.Extensions.Logging.Console;

namespace HostService.Silo.Reporting;

/// <summary>
/// Logs go to standard error, so that standard output holds the ready line alone: as one line each for systemd's journal, as JSON, or as lines for a reader
/// (<c>Logging:Format</c>).
/// </summary>
public static class ServiceLogging
{
    public static void AddServiceLogging(this WebApplicationBuilder builder)
    {
        var logging = builder.Logging;
        logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        logging.SetMinimumLevel(LogLevel.Information);
        if (builder.Configuration["Logging:LogLevel:Orleans"] is null)
        {
            // Its own advice to operators (server GC, a slow first tick) is not ours to give them.
            logging.AddFilter("Orleans", LogLevel.Error);
        }

        if (builder.Configuration["Logging:LogLevel:Microsoft"] is null)
        {
            logging.AddFilter("Microsoft", LogLevel.Warning);
        }

        logging.AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.Services.Configure<ConsoleLoggerOptions>(o => o.FormatterName = FormatterName(builder.Configuration));
        logging.Services.Configure<SimpleConsoleFormatterOptions>(o =>
        {
            o.SingleLine = true;
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "HH:mm:ss.fff ";
        });
        logging.Services.Configure<JsonConsoleFormatterOptions>(o =>
        {
            o.UseUtcTimestamp = true;
            o.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        });
        logging.AddProvider(new SentryLoggerProvider());
        builder.Services.AddOptions<LogFormatOptions>().Bind(builder.Configuration.GetSection(LogFormatOptions.Section))
            .Validate(o => o.Format is "" or "systemd" or "json" or "simple", "Logging:Format must be systemd, json or simple.");
    }

    // systemd says through JOURNAL_STREAM that standard error is its journal.
    private static string FormatterName(ConfigurationManager configuration) => configuration["Logging:Format"] switch
    {
        "json" => ConsoleFormatterNames.Json,
        "systemd" => ConsoleFormatterNames.Systemd,
        "simple" => ConsoleFormatterNames.Simple,
        _ => Environment.GetEnvironmentVariable("JOURNAL_STREAM") is null ? ConsoleFormatterNames.Simple : ConsoleFormatterNames.Systemd,
    };
}

/// <summary>Section <c>Logging</c>, as far as it is ours.</summary>
public sealed class LogFormatOptions
{
    public const string Section = "Logging";

    /// <summary><c>systemd</c>, <c>json</c> or <c>simple</c>; where it is not set, systemd under systemd and simple elsewhere.</summary>
    public string Format { get; set; } = "";
}
