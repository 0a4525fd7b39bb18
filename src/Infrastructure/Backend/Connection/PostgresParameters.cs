using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using Setter = System.Func<Npgsql.NpgsqlConnectionStringBuilder, string, string?>;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Connection parameters by libpq's names, so that a URL that works with psql works here.</summary>
internal static class PostgresParameters
{
    /// <summary>
    /// Known to libpq and without effect here: Npgsql has no such setting, or this service sets it itself (<c>connect_timeout</c> is
    /// <see cref="DatabaseOptions.Timeout"/>; <c>target_session_attrs</c> chooses between several hosts).
    /// </summary>
    private static readonly FrozenSet<string> Unused = FrozenSet.ToFrozenSet(
    [
        "connect_timeout", "target_session_attrs", "load_balance_hosts", "hostaddr", "client_encoding", "fallback_application_name",
        "keepalives_count", "tcp_user_timeout", "replication", "requiressl", "sslcompression", "sslcertmode", "sslcrl", "sslcrldir",
        "sslsni", "sslkeylogfile", "requirepeer", "ssl_min_protocol_version", "ssl_max_protocol_version", "min_protocol_version",
        "max_protocol_version", "gsslib", "gssdelegation", "service", "servicefile", "scram_client_key", "scram_server_key", "oauth_issuer",
        "oauth_client_id", "oauth_client_secret", "oauth_scope",
    ]);

    /// <summary>Each sets its parameter, and returns what is wrong with the value, or null.</summary>
    private static readonly FrozenDictionary<string, Setter> Used = new Dictionary<string, Setter>
    {
        ["host"] = Text((builder, value) => builder.Host = value),
        ["port"] = Port,
        ["user"] = Text((builder, value) => builder.Username = value),
        ["password"] = Text((builder, value) => builder.Password = value),
        ["dbname"] = Text((builder, value) => builder.Database = value),
        ["sslmode"] = OneOf("an sslmode", (builder, value) => builder.SslMode = value, Names<SslMode>()),
        ["sslnegotiation"] = OneOf("an sslnegotiation", (builder, value) => builder.SslNegotiation = value, Names<SslNegotiation>()),
        ["channel_binding"] = OneOf("a channel_binding", (builder, value) => builder.ChannelBinding = value, Names<ChannelBinding>()),
        ["gssencmode"] = OneOf("a gssencmode", (builder, value) => builder.GssEncryptionMode = value, Names<GssEncryptionMode>()),
        ["keepalives"] = OneOf("a keepalives", (builder, value) => builder.TcpKeepAlive = value, ("0", false), ("1", true)),
        ["keepalives_idle"] = Seconds("keepalives_idle", (builder, value) => builder.TcpKeepAliveTime = value),
        ["keepalives_interval"] = Seconds("keepalives_interval", (builder, value) => builder.TcpKeepAliveInterval = value),
        // libpq's name for the certificates that the machine trusts, which is Npgsql's default.
        ["sslrootcert"] = Text((builder, value) => builder.RootCertificate = value == "system" ? null : value),
        ["sslcert"] = Text((builder, value) => builder.SslCertificate = value),
        ["sslkey"] = Text((builder, value) => builder.SslKey = value),
        ["sslpassword"] = Text((builder, value) => builder.SslPassword = value),
        ["passfile"] = Text((builder, value) => builder.Passfile = value),
        ["require_auth"] = RequireAuth,
        ["krbsrvname"] = Text((builder, value) => builder.KerberosServiceName = value),
        ["options"] = Text((builder, value) => builder.Options = value),
        ["application_name"] = Text((builder, value) => builder.ApplicationName = value),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Returns the fault, or null. The fault never contains the value, which may be a secret.</summary>
    /// <param name="isUsed">False where the parameter is valid and has no effect.</param>
    public static string? Set(NpgsqlConnectionStringBuilder builder, string key, string value, out bool isUsed)
    {
        isUsed = !Unused.Contains(key);
        if (Used.TryGetValue(key, out var set))
        {
            return set(builder, value);
        }

        return isUsed ? "has a parameter that PostgreSQL's own clients do not know either." : null;
    }

    private static string? Port(NpgsqlConnectionStringBuilder builder, string value)
    {
        if (!ushort.TryParse(value, out var port) || port == 0)
        {
            return "has a port that is not a number from 1 to 65535.";
        }

        builder.Port = port;
        return null;
    }

    private static string? RequireAuth(NpgsqlConnectionStringBuilder builder, string value)
    {
        try
        {
            // The same methods under Npgsql's names; a leading '!' excludes one in both.
            builder.RequireAuth = value
                .Replace("scram-sha-256", "ScramSHA256", StringComparison.Ordinal)
                .Replace("password", "Password", StringComparison.Ordinal)
                .Replace("md5", "MD5", StringComparison.Ordinal)
                .Replace("gss", "GSS", StringComparison.Ordinal)
                .Replace("sspi", "SSPI", StringComparison.Ordinal)
                .Replace("none", "None", StringComparison.Ordinal);
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or FormatException)
        {
            // Npgsql's message repeats the value.
            return "has a require_auth that Npgsql cannot use.";
        }
    }

    private static Setter Text(Action<NpgsqlConnectionStringBuilder, string> set) =>
        (builder, value) =>
        {
            set(builder, value);
            return null;
        };

    private static Setter OneOf<T>(
        string what, Action<NpgsqlConnectionStringBuilder, T> set, params (string Name, T Value)[] choices) => (builder, value) =>
        {
            if (Array.FindIndex(choices, choice => choice.Name == value) is not (>= 0 and var at))
            {
                return $"has {what} that is not one of {string.Join(", ", choices.Select(c => c.Name))}.";
            }

            set(builder, choices[at].Value);
            return null;
        };

    /// <summary>Npgsql's names in libpq's spelling: <c>VerifyCA</c> is <c>verify-ca</c>.</summary>
    private static (string Name, T Value)[] Names<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(v => (JsonNamingPolicy.KebabCaseLower.ConvertName(v.ToString()), v))];

    private static Setter Seconds(
        string key, Action<NpgsqlConnectionStringBuilder, int> set) => (builder, value) =>
        {
            if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            {
                return $"has a {key} that is not a number of seconds.";
            }

            // 0 means the system's default, as without the parameter.
            if (seconds > 0)
            {
                set(builder, seconds);
            }

            return null;
        };
}
