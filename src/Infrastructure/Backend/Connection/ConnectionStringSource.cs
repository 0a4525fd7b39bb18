using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

internal interface IConnectionStringSource
{
    /// <exception cref="BackendDatabaseException">Says what to set or what is wrong, never the value.</exception>
    Task<NpgsqlConnectionStringBuilder> ResolveAsync(CancellationToken cancellationToken);
}

/// <summary>In this order: <c>Database:ConnectionString</c>, <c>DATABASE_URL</c>, the config vars of a Heroku app.</summary>
internal sealed partial class ConnectionStringSource(
    IOptions<DatabaseOptions> database, HerokuConfigVars configVars, ILogger<ConnectionStringSource> logger) : IConnectionStringSource
{
    private const string ConnectionStringName = "Database:ConnectionString";
    private const string UrlName = "DATABASE_URL";

    public async Task<NpgsqlConnectionStringBuilder> ResolveAsync(CancellationToken cancellationToken)
    {
        var options = database.Value;
        if (FaultOf(options) is { } fault)
        {
            throw new BackendDatabaseException(fault);
        }

        if (options.ConnectionString.Length > 0)
        {
            return Read(options.ConnectionString, ConnectionStringName, IsUrl(options));
        }

        if (options.Url.Length > 0)
        {
            return Read(options.Url, UrlName, isUrl: true);
        }

        var url = await configVars.ReadAsync(options.Heroku, UrlName, cancellationToken);
        return Read(url, $"{UrlName} of the Heroku app {options.Heroku.App}", isUrl: true);
    }

    /// <summary>What is wrong with the settings as far as it shows without a request to Heroku; null when nothing is.</summary>
    public static string? FaultOf(DatabaseOptions options)
    {
        if (options.ConnectionString.Length > 0)
        {
            return TryRead(options.ConnectionString, ConnectionStringName, IsUrl(options), out _, out _);
        }

        if (options.Url.Length > 0)
        {
            return TryRead(options.Url, UrlName, isUrl: true, out _, out _);
        }

        return (options.Heroku.ApiKey.Length > 0, options.Heroku.App.Length > 0) switch
        {
            (true, true) => null,
            (true, false) => "Heroku:ApiKey is set but Heroku:App is not: set both, or neither.",
            (false, true) => "Heroku:App is set but Heroku:ApiKey is not: set both, or neither.",
            _ => "No database is configured: set Database__ConnectionString, or DATABASE_URL, or Heroku__ApiKey together with Heroku__App.",
        };
    }

    /// <summary>Also for another setting than this class's own, in either form.</summary>
    /// <exception cref="BackendDatabaseException">It cannot be read; the message does not repeat it.</exception>
    internal static NpgsqlConnectionStringBuilder Read(string value, string name) =>
        TryRead(value, name, PostgresUrl.LooksLikeOne(value), out var result, out _) is { } fault
            ? throw new BackendDatabaseException(fault)
            : result!;

    private NpgsqlConnectionStringBuilder Read(string value, string name, bool isUrl)
    {
        if (TryRead(value, name, isUrl, out var result, out var unused) is { } fault)
        {
            throw new BackendDatabaseException(fault);
        }

        if (unused.Count > 0)
        {
            LogParametersUnused(name, string.Join(", ", unused));
        }

        return result!;
    }

    private static bool IsUrl(DatabaseOptions options) => PostgresUrl.LooksLikeOne(options.ConnectionString);

    private static string? TryRead(
        string value, string name, bool isUrl, out NpgsqlConnectionStringBuilder? result, out IReadOnlyList<string> unused)
    {
        if (isUrl)
        {
            return PostgresUrl.TryParse(value, out result, out unused) is { } fault ? $"{name} {fault}" : null;
        }

        unused = [];

        try
        {
            result = new NpgsqlConnectionStringBuilder(value);
        }
        catch (Exception exception)
            when (exception is ArgumentException or FormatException or InvalidOperationException or OverflowException)
        {
            // Npgsql's own message can hold part of a password that contains a ';'.
            result = null;
            return $"{name} is not a connection string that Npgsql can read: it expects keyword=value pairs separated by ';' "
                + "(quote a value that contains ';' or '=').";
        }

        return string.IsNullOrEmpty(result.Host) ? $"{name} names no Host." : null;
    }

    [LoggerMessage(LogLevel.Warning, "{Setting} has parameters that have no effect here: {Parameters}")]
    private partial void LogParametersUnused(string setting, string parameters);
}
