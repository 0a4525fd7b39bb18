using System.Collections.Frozen;
using System.Globalization;
using Npgsql;

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

    /// <summary>Returns the fault, or null. The fault never contains the value, which may be a secret.</summary>
    /// <param name="isUsed">False where the parameter is valid and has no effect.</param>
    public static string? Set(NpgsqlConnectionStringBuilder builder, string key, string value, out bool isUsed)
    {
        isUsed = true;
        switch (key)
        {
            case "sslmode":
                return Choose(
                    key,
                    value,
                    mode => builder.SslMode = mode,
                    ("disable", SslMode.Disable),
                    ("allow", SslMode.Allow),
                    ("prefer", SslMode.Prefer),
                    ("require", SslMode.Require),
                    ("verify-ca", SslMode.VerifyCA),
                    ("verify-full", SslMode.VerifyFull));
            case "channel_binding":
                return Choose(
                    key,
                    value,
                    binding => builder.ChannelBinding = binding,
                    ("disable", ChannelBinding.Disable),
                    ("prefer", ChannelBinding.Prefer),
                    ("require", ChannelBinding.Require));
            case "gssencmode":
                return Choose(
                    key,
                    value,
                    mode => builder.GssEncryptionMode = mode,
                    ("disable", GssEncryptionMode.Disable),
                    ("prefer", GssEncryptionMode.Prefer),
                    ("require", GssEncryptionMode.Require));
            case "sslnegotiation":
                return Choose(
                    key,
                    value,
                    negotiation => builder.SslNegotiation = negotiation,
                    ("postgres", SslNegotiation.Postgres),
                    ("direct", SslNegotiation.Direct));
            case "keepalives":
                return Choose(key, value, on => builder.TcpKeepAlive = on, ("0", false), ("1", true));
            case "keepalives_idle":
                return Seconds(key, value, s => builder.TcpKeepAliveTime = s);
            case "keepalives_interval":
                return Seconds(key, value, s => builder.TcpKeepAliveInterval = s);
            case "sslrootcert":
                // libpq's name for the certificates that the machine trusts, which is Npgsql's default.
                builder.RootCertificate = value == "system" ? null : value;
                return null;
            case "sslcert":
                builder.SslCertificate = value;
                return null;
            case "sslkey":
                builder.SslKey = value;
                return null;
            case "sslpassword":
                builder.SslPassword = value;
                return null;
            case "passfile":
                builder.Passfile = value;
                return null;
            case "require_auth":
                return RequireAuth(builder, value);
            case "krbsrvname":
                builder.KerberosServiceName = value;
                return null;
            case "options":
                builder.Options = value;
                return null;
            case "application_name":
                builder.ApplicationName = value;
                return null;
            case "port":
                return "has a port that is not a number from 1 to 65535.";
            default:
                isUsed = !Unused.Contains(key);
                return isUsed ? "has a parameter that PostgreSQL's own clients do not know either." : null;
        }
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

    private static string? Choose<T>(string key, string value, Action<T> set, params (string Name, T Value)[] choices)
    {
        foreach (var (name, choice) in choices)
        {
            if (name == value)
            {
                set(choice);
                return null;
            }
        }

        var article = key.StartsWith("ssl", StringComparison.Ordinal) ? "an" : "a";
        return $"has {article} {key} that is not one of {string.Join(", ", choices.Select(c => c.Name))}.";
    }

    private static string? Seconds(string key, string value, Action<int> set)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            return $"has a {key} that is not a number of seconds.";
        }

        // 0 means the system's default, as without the parameter.
        if (seconds > 0)
        {
            set(seconds);
        }

        return null;
    }
}
