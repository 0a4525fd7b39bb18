namespace HostService.Gateway.Wire;

/// <summary>Each returns null, or why the value is refused. A refusal never repeats the value, which may be long or secret.</summary>
internal static class FieldRules
{
    private const int ShortestConfigToken = 10;

    /// <summary>The first reason, if there is one.</summary>
    public static string? First(params ReadOnlySpan<string?> reasons)
    {
        foreach (var reason in reasons)
        {
            if (reason is not null)
            {
                return reason;
            }
        }

        return null;
    }

    public static string? MandelboxId(string? value, string field = "mandelbox_id") =>
        string.IsNullOrEmpty(value) ? Missing(field) : MandelboxIds.Fault(value, field);

    public static string? AppName(string? value, HostEnvironment environment) => value switch
    {
        null or "" => Missing("app_name"),
        _ when Names.IsAppName(value) || (environment.IsLocal && Names.IsImage(value)) => null,
        _ => $"app_name must be lower-case letters and digits, joined by single '.', '_', '/' or '-', at most {Names.LongestAppName} "
            + (environment.IsLocal ? "in all; the tag of a local image may follow a ':'" : "in all"),
    };

    public static string? ConfigEncryptionToken(string? value) => value switch
    {
        null or "" => Missing("config_encryption_token"),
        { Length: < ShortestConfigToken } => $"config_encryption_token must be at least {ShortestConfigToken} characters",
        _ => null,
    };

    public static string? SessionId(ulong? value, HostEnvironment environment) =>
        value is null && environment.IsDeployed ? Missing("session_id") : null;

    public static string? HostPort(long? value) => value switch
    {
        null => Missing("host_port"),
        < 1 or > 65535 => "host_port must be from 1 to 65535",
        _ => null,
    };

    public static string? Dpi(long? value) => value is null ? Missing("dpi") : OptionalDpi(value);

    public static string? OptionalDpi(long? value) => value is < 1 or > 1000 ? "dpi must be from 1 to 1000" : null;

    public static string? ContainerId(string? value) => value switch
    {
        null or "" => Missing("docker_id"),
        _ => Names.IsContainerId(value) ? null : "docker_id must be 12 to 64 hexadecimal digits in lower case",
    };

    public static string? Provider(string? value) => value switch
    {
        null or "" => Missing("provider"),
        { Length: > 64 } => "provider must be at most 64 characters",
        _ when value.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-') => null,
        _ => "provider must be a name such as google_drive or dropbox",
    };

    /// <summary>For credentials that are written into a configuration file, where a line break would begin another setting.</summary>
    public static string? OneLine(string? value, string field) =>
        value is not null && value.Any(char.IsControl) ? $"{field} must not hold control characters" : null;

    /// <summary>For a wish of a host, which need not be known.</summary>
    public static string? OptionalText(string? value, string field) =>
        value is { Length: > 100 } ? $"{field} must be at most 100 characters" : OneLine(value, field);

    private static string Missing(string field) => $"{field} is missing";
}
