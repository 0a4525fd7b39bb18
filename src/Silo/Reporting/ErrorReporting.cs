using HostService.Silo.Hosting;
using Sentry;

namespace HostService.Silo.Reporting;

/// <summary>Sentry, where a DSN is configured. It is set up before anything else, so that every later failure is reported (B3).</summary>
public static class ErrorReporting
{
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Starts reporting; without a DSN nothing is ever sent.</summary>
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
                options.Release = ServiceVersion.Commit.Length > 0 ? ServiceVersion.Commit : ServiceVersion.Number;
                options.ServerName = Environment.MachineName;
                options.AttachStacktrace = true;
                options.SendDefaultPii = false;

                // The SDK would keep an installation id in root's home; events name the instance already.
                options.DisableFileWrite = true;
            });
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new StartRefusedException(
                ExitCodes.Usage,
                $"Sentry:Dsn is not a DSN: {exception.Message} Take it from the project's settings, or leave it out.",
                exception);
        }
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

    /// <summary>Sends every logged error, with its fields as tags; what is not an error leaves a breadcrumb.</summary>
    public static void AddErrorReporting(this ILoggingBuilder logging) => logging.AddSentry(options =>
    {
        // Start has done that, before the application was built.
        options.InitializeSdk = false;
        options.MinimumBreadcrumbLevel = LogLevel.Information;
        options.MinimumEventLevel = LogLevel.Error;
    });

    /// <summary>Sends what is queued, as far as <see cref="FlushTimeout"/> allows, and ends.</summary>
    public static async Task StopAsync()
    {
        await SentrySdk.FlushAsync(FlushTimeout);
        SentrySdk.Close();
    }
}
