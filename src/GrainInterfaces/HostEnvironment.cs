namespace HostService.GrainInterfaces;

/// <summary>The environment of this host, chosen by <c>APP_ENV</c> (B1).</summary>
public enum HostEnvironment
{
    /// <summary>A developer's machine: no database, no tokens.</summary>
    LocalDev,

    /// <summary>A developer's machine with a database.</summary>
    LocalDevWithDb,

    Dev,

    Staging,

    Prod,
}

/// <summary>The environment of this process, for dependency injection: an enum cannot be a service.</summary>
public sealed record RunningEnvironment(HostEnvironment Value);

public static class HostEnvironments
{
    /// <summary>Parses <c>APP_ENV</c>, in any case. Unknown or missing: <see cref="HostEnvironment.LocalDev"/> (B1).</summary>
    public static HostEnvironment Parse(string? value) => Known(value) ?? HostEnvironment.LocalDev;

    /// <summary>What is wrong with <c>APP_ENV</c>; null when it names an environment.</summary>
    public static string? Fault(string? value) => (string.IsNullOrWhiteSpace(value), Known(value)) switch
    {
        (true, _) => "APP_ENV is not set",
        (_, null) => $"APP_ENV is '{value}', which is no environment",
        _ => null,
    };

    private static HostEnvironment? Known(string? value) => value?.Trim().ToUpperInvariant() switch
    {
        "DEVELOPMENT" or "DEV" => HostEnvironment.Dev,
        "STAGING" => HostEnvironment.Staging,
        "PRODUCTION" or "PROD" => HostEnvironment.Prod,
        "LOCALDEVWITHDB" or "LOCALDEV_WITH_DB" or "LOCALDEV_WITH_DATABASE" => HostEnvironment.LocalDevWithDb,
        "LOCALDEV" => HostEnvironment.LocalDev,
        _ => null,
    };

    extension(HostEnvironment environment)
    {
        /// <summary>
        /// The name as operators, Sentry and mandelboxes know it: <c>LOCALDEV</c>, <c>LOCALDEVWITHDB</c>, <c>DEV</c>, <c>STAGING</c>,
        /// <c>PROD</c>.
        /// </summary>
        public string Name => environment switch
        {
            HostEnvironment.LocalDevWithDb => "LOCALDEVWITHDB",
            HostEnvironment.Dev => "DEV",
            HostEnvironment.Staging => "STAGING",
            HostEnvironment.Prod => "PROD",
            _ => "LOCALDEV",
        };

        /// <summary>A developer's machine: LOCALDEV and LOCALDEVWITHDB.</summary>
        public bool IsLocal => environment is HostEnvironment.LocalDev or HostEnvironment.LocalDevWithDb;

        /// <summary>EC2: DEV, STAGING and PROD.</summary>
        public bool IsDeployed => !environment.IsLocal;

        /// <summary>Whether the web backend's database is used: everywhere but LOCALDEV.</summary>
        public bool HasDatabase => environment != HostEnvironment.LocalDev;
    }
}
