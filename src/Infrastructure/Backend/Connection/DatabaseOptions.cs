namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Section <c>Database</c>: where the web backend's database is (B27) and how long to wait for it.</summary>
public sealed class DatabaseOptions
{
    /// <summary>
    /// Npgsql's <c>keyword=value;…</c> form, or a <c>postgres://</c> URL. Goes before <see cref="Url"/>, and that before Heroku. A secret.
    /// </summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>A <c>postgres://</c> URL; taken from <c>DATABASE_URL</c> when empty. A secret.</summary>
    public string Url { get; set; } = "";

    /// <summary>For one query, connecting included. A spin-up never waits longer than this for the database.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>For the test of the connection and the registration at start, where waiting hurts nobody.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Connections at most, 1..100.</summary>
    public int MaxPoolSize { get; set; } = 20;

    /// <summary>After a failed write; doubled with each further failure.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Where the doubling ends.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the end of the service waits for writes that an outage held up.</summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Section <c>Heroku</c>: the third source of the connection string, used where the other two are empty.</summary>
public sealed class HerokuOptions
{
    /// <summary>A secret.</summary>
    public string ApiKey { get; set; } = "";

    /// <summary>The web backend's app, whose config var <c>DATABASE_URL</c> is read.</summary>
    public string App { get; set; } = "";

    /// <summary>Heroku's platform API.</summary>
    public string Endpoint { get; set; } = "https://api.heroku.com";
}
