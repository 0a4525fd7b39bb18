using HostService.GrainInterfaces;
using HostService.Silo.Hosting;
using Sentry;

namespace HostService.Silo.Reporting;

/// <summary>Sentry, where a DSN is configured. It is set up before anything else, so that every later failure is reported (B3).</summary>
public static class ErrorReporting
{
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Begins; without a DSN nothing is ever sent.</summary>
    /// <exception cref="StartRefusedException">The DSN is not one.</exception>
    public static IDisposable? Start(IConfiguration configuration)
    {
        var dsn = configuration["Sentry:Dsn"];
        if (string.IsNullOrWhiteSpace(dsn))
        {
            return null;
        }

        try
        {
            return SentrySdk.Init(options =>
            {
                options.Dsn = dsn;
                options.Environment = ServiceConfiguration.EnvironmentOf(configuration).Name;
                options.Release = $"host-service@{(ServiceVersion.Commit.Length > 0 ? ServiceVersion.Commit : ServiceVersion.Number)}";
                options.ServerName = Environment.MachineName;
                options.AttachStacktrace = true;
                options.SendDefaultPii = false;

                // No file with an id of this installation in root's home: what tells hosts apart is on every event already.
                options.DisableFileWrite = true;
            });
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw new StartRefusedException(ExitCodes.Usage, $"Sentry:Dsn is not a DSN: {error.Message} Take it from the project's settings, or leave it out.", error);
        }
    }

    /// <summary>Sends what is queued, as far as <see cref="FlushTimeout"/> allows, and ends.</summary>
    public static async Task StopAsync()
    {
        await SentrySdk.FlushAsync(FlushTimeout);
        SentrySdk.Close();
    }
}

/// <summary>Hands every logged error to Sentry; what is not an error leaves a breadcrumb.</summary>
internal sealed class SentryLoggerProvider : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new SentryLogger(categoryName);

    public void Dispose()
    {
        // The SDK outlives the logs: it is flushed last.
    }

    private sealed class SentryLogger(string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information && SentrySdk.IsEnabled;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var message = formatter(state, exception);
            if (logLevel < LogLevel.Error)
            {
                SentrySdk.AddBreadcrumb(message, category);
                return;
            }

            void Mark(Scope scope)
            {
                scope.SetTag("category", category);
                if (state is IEnumerable<KeyValuePair<string, object?>> fields)
                {
                    foreach (var (key, value) in fields.Where(f => f.Key != "{OriginalFormat}" && f.Value is not null))
                    {
                        scope.SetTag(key, value!.ToString()!);
                    }
                }
            }

            if (exception is not null)
            {
                SentrySdk.CaptureException(exception, Mark);
            }
            else
            {
                SentrySdk.CaptureMessage(message, Mark, SentryLevel.Error);
            }
        }
    }
}
