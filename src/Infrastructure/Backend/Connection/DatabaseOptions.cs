using System.Text.RegularExpressions;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Section <c>Database</c>: the web backend's database (B23, B27) and the timeouts for it.</summary>
public sealed partial class DatabaseOptions : IValidatedOptions
{
    public const string Section = "Database";

    /// <summary>
    /// Npgsql's <c>keyword=value;…</c> form, or a <c>postgres://</c> URL. Takes precedence over <see cref="Url"/>, and that over Heroku.
    /// A secret.
    /// </summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>A <c>postgres://</c> URL; taken from <c>DATABASE_URL</c> when empty. A secret.</summary>
    public string Url { get; set; } = "";

    /// <summary>The schema of the backend's two tables. Upper and lower case differ.</summary>
    public string Schema { get; set; } = "hardware";

    /// <summary>For one query, connecting included. A spin-up never waits longer than this for the database.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>For the test of the connection and for the registration, at start.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Connections at most, 1..100.</summary>
    public int MaxPoolSize { get; set; } = 20;

    /// <summary>After a failed write; doubled with each further failure.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The upper limit of the doubling.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the shutdown waits for writes that an outage delayed.</summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Section <c>Heroku</c>, the third source of the connection string.</summary>
    internal HerokuOptions Heroku { get; set; } = new();

    /// <summary>The faults of both sections. None of them repeats a secret.</summary>
    public IEnumerable<string> Validate()
    {
        var connection = ConnectionStringSource.FaultOf(this);
        return ValidatedOptions.Faults(
            (connection is null, connection ?? ""),
            (Uri.TryCreate(Heroku.Endpoint, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "https" or "http",
                $"Heroku:Endpoint must be an absolute http(s) address, but is \"{Heroku.Endpoint}\"."),
            (Identifier().IsMatch(Schema),
                $"Database:Schema must be the name of a schema (letters, digits and '_', at most 63), but is \"{Schema}\"."),
            Limited(nameof(Timeout), Timeout),
            Limited(nameof(StartTimeout), StartTimeout),
            Limited(nameof(RetryDelay), RetryDelay),
            Limited(nameof(MaxRetryDelay), MaxRetryDelay),
            Limited(nameof(FlushTimeout), FlushTimeout),
            (RetryDelay <= MaxRetryDelay,
                $"Database:RetryDelay ({RetryDelay}) must not be over Database:MaxRetryDelay ({MaxRetryDelay})."),
            (MaxPoolSize is >= 1 and <= 100, $"Database:MaxPoolSize must be 1..100, but is {MaxPoolSize}."));

        static (bool Holds, string Fault) Limited(string name, TimeSpan value) => (
            value > TimeSpan.Zero && value <= TimeSpan.FromMinutes(10),
            $"Database:{name} must be over 0 and at most 10 minutes, but is {value}.");
    }

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,62}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Identifier();
}
