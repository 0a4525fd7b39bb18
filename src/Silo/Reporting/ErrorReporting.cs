using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using Sentry;
using Sentry.Extensions.Logging;

namespace HostService.Silo.Reporting;

/// <summary>Sentry, where a DSN is configured. It is set up before anything else, so that every later failure is reported (B3).</summary>
public static class ErrorReporting
{
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The event that says why the service ends, once it is on its way.</summary>
    private static SentryId? _last;

    /// <summary>Does nothing without a DSN, or with one that is none, which <see cref="OptionsCheck"/> reports.</summary>
    public static IDisposable? Start(IConfiguration configuration)
    {
        var dsn = configuration.ReadOrDefaults<ErrorReportingOptions>(ErrorReportingOptions.Section).Dsn;
        if (dsn.Length == 0)
        {
            return null;
        }

        _last = null;
        return SentrySdk.Init(options =>
        {
            // Whoever reads the events must find the cause of the end in the last one. What a task logs after that is in the log.
            options.SetBeforeSend((report, _) => _last is { } last && report.EventId != last ? null : report);
            options.Dsn = dsn;
            options.Environment = ServiceConfiguration.EnvironmentOf(configuration).Name;
            options.Release = ServiceVersion.Commit.Length > 0 ? ServiceVersion.Commit : ServiceVersion.Number;
            options.ServerName = Environment.MachineName;
            options.AttachStacktrace = true;
            options.SendDefaultPii = false;

            // One scope for the process. Otherwise each asynchronous flow has its own: an event of a grain would have neither the tags that
            // the start has set nor what others have logged.
            options.IsGlobalModeEnabled = true;

            // The SDK would keep an installation id in root's home; events name the instance already.
            options.DisableFileWrite = true;
        });
    }

    /// <summary>Tags every report from now on with the instance (B34a).</summary>
    public static void Identify(HostIdentity identity) => SentrySdk.ConfigureScope(scope => scope.SetTags(new Dictionary<string, string>
    {
        ["aws.ami-id"] = identity.AmiId,
        ["aws.instance-id"] = identity.InstanceId,
        ["aws.instance-type"] = identity.InstanceType,
        ["aws.placement-region"] = identity.Region,
        ["aws.public-ipv4"] = identity.PublicIpv4,
    }));

    /// <summary>
    /// Sends every logged error, with its fields as tags; what is not an error leaves a breadcrumb. Lines with data of a user
    /// (<see cref="LogEvents.UserData"/>) are left out.
    /// </summary>
    public static void AddErrorReporting(this ILoggingBuilder logging) => logging.AddSentry(options =>
    {
        // Start has done that, before the application was built.
        options.InitializeSdk = false;
        options.MinimumBreadcrumbLevel = LogLevel.Information;
        options.MinimumEventLevel = LogLevel.Error;
        options.AddLogEntryFilter((_, _, eventId, _) => eventId.Name?.StartsWith(LogEvents.UserData, StringComparison.Ordinal) == true);
    });

    /// <summary>
    /// Reports why the service ends (B30), sends what is queued, as far as <see cref="FlushTimeout"/> allows, and ends. An end that nobody
    /// asked for is fatal.
    /// </summary>
    public static async Task StopAsync(ShutdownRequest? end)
    {
        if (end is not null)
        {
            var last = new SentryEvent
            {
                Level = end.ExitCode is ExitCodes.Ended or ExitCodes.Restart ? SentryLevel.Info : SentryLevel.Fatal,

                // Sentry groups events by the first text: one issue for each cause.
                Message = new SentryMessage
                {
                    Message = $"The service ends ({end.Reason})",
                    Formatted = $"The service ends ({end.Reason}): {end.Detail}",
                },
            };
            last.SetTag("cause", $"{end.Reason}");
            _last = last.EventId;
            SentrySdk.CaptureEvent(last);
        }

        await SentrySdk.FlushAsync(FlushTimeout);
        SentrySdk.Close();
    }
}

/// <summary>Section <c>Sentry</c>: where errors are reported.</summary>
public sealed class ErrorReportingOptions : IValidatedOptions
{
    public const string Section = "Sentry";

    /// <summary>The DSN of the project in Sentry; empty to report nothing.</summary>
    public string Dsn { get; set; } = "";

    public IEnumerable<string> Validate()
    {
        var isDsn = Dsn.Length == 0 || (Uri.TryCreate(Dsn, UriKind.Absolute, out var url)
            && url is { Scheme: "http" or "https", UserInfo.Length: > 0 } && url.AbsolutePath.Trim('/').Length > 0);
        return isDsn
            ? []
            : ["Sentry:Dsn is not a DSN, which looks like https://<key>@<host>/<project>; take it from the project's settings."];
    }
}
