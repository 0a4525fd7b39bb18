using HostService.Silo.Reporting;

namespace HostService.Silo.Hosting;

/// <summary>Sources of settings, in rising order: two files beside the program, one in /etc, environment, command line.</summary>
public static class ServiceConfiguration
{
    private const string EnvironmentRemedy = "Set it to LOCALDEV, LOCALDEVWITHDB, DEV, STAGING or PROD.";

    /// <summary>The name of a host's files, without the suffix.</summary>
    public const string HostFile = "appsettings";

    /// <summary>The name of a fleet's files: a host of the same machine has other ports.</summary>
    public const string FleetFile = "fleet";

    /// <param name="arguments"><c>--Section:Key=value</c>.</param>
    /// <param name="file">The name of the files, without the suffix.</param>
    public static IConfigurationRoot Read(IReadOnlyList<string> arguments, string file = HostFile)
    {
        var environment = HostEnvironments.Parse(Environment.GetEnvironmentVariable("APP_ENV"));
        return new ConfigurationBuilder()
            .AddJsonFile(Path.Combine(AppContext.BaseDirectory, $"{file}.json"), optional: true)
            .AddJsonFile(Path.Combine(AppContext.BaseDirectory, $"{file}.{environment.Name}.json"), optional: true)
            .AddJsonFile($"/etc/host-service/{file}.json", optional: true)
            .Add(new ServiceEnvironment())
            .AddCommandLine([.. arguments])
            .Build();
    }

    /// <summary>The environment that <c>APP_ENV</c> chooses (B1).</summary>
    public static HostEnvironment EnvironmentOf(IConfiguration configuration) => HostEnvironments.Parse(configuration["APP_ENV"]);

    /// <summary>A line for an operator whose <c>APP_ENV</c> names no environment; null when there is nothing to warn of.</summary>
    public static string? EnvironmentWarning(IConfiguration configuration) =>
        configuration["APP_ENV"] is { Length: > 0 } name && HostEnvironments.Fault(name) is { } fault
            ? $"{fault}: running as LOCALDEV, without database and without checking users' tokens. {EnvironmentRemedy}"
            : null;

    /// <summary>Every fault of the configuration, for the command whose options these services hold.</summary>
    public static IReadOnlyList<string> Validate(IConfigurationRoot configuration, IServiceCollection services) =>
    [
        .. bool.TryParse(configuration["Host:RequireEnvironment"], out var required) && required
            && HostEnvironments.Fault(configuration["APP_ENV"]) is { } fault ? [$"{fault}. {EnvironmentRemedy}"] : Array.Empty<string>(),
        .. ServiceLogging.ValidateLevels(configuration),
        .. OptionsCheck.Validate(services),
        .. SettingKeys.Validate(configuration),
    ];

    /// <summary>Why an argument is not a setting; null when it is one.</summary>
    public static string? Fault(string argument) =>
        argument.StartsWith("--", StringComparison.Ordinal)
        && argument.IndexOf('=', StringComparison.Ordinal) is > 2 and var equals
        && argument.AsSpan(2, equals - 2).Contains(':')
            ? null
            : $"'{argument}' is neither an option nor a setting; settings are given as --Section:Key=value, "
                + "for example --Gateway:Port=4679";
}
