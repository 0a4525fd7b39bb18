using System.Reflection;

namespace Sentry.Internal;

/// <summary>Fills what the options leave open: environment variables first, defaults last.</summary>
internal static class Settings
{
    public const string SdkName = "sentry.dotnet";
    public const string SdkVersion = "6.9.0";

    /// <summary>Throws when there is no DSN at all; an empty one means that the SDK is switched off.</summary>
    public static void Complete(SentryOptions options)
    {
        if (string.IsNullOrEmpty(options.Dsn) && System.Environment.GetEnvironmentVariable("SENTRY_DSN") is { } dsn)
        {
            options.Dsn = dsn;
        }

        ArgumentNullException.ThrowIfNull(options.Dsn, "options.Dsn (You must supply a DSN to use Sentry. To disable Sentry, pass an empty string)");
        options.Environment = FirstOf(options.Environment, "SENTRY_ENVIRONMENT") ?? "production";
        options.Release = FirstOf(options.Release, "SENTRY_RELEASE") ?? ProgramVersion();
    }

    private static string? FirstOf(string? given, string variable)
        => !string.IsNullOrWhiteSpace(given) ? given
            : System.Environment.GetEnvironmentVariable(variable) is { } found && !string.IsNullOrWhiteSpace(found) ? found
            : null;

    private static string? ProgramVersion()
    {
        var program = Assembly.GetEntryAssembly();
        var version = program?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? program?.GetName().Version?.ToString();
        return version is null ? null : $"{program!.GetName().Name}@{version}";
    }
}
