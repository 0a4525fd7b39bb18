using System.Net;
using Npgsql;

namespace HostService.Infrastructure.Backend.Connection;

/// <summary>Parses <c>postgres://user:password@host:port/database?sslmode=…</c>, the format of Heroku and libpq.</summary>
internal static class PostgresUrl
{
    public static bool LooksLikeOne(string value) =>
        value.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
        || value.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Returns null and the parsed URL, or the fault: a text that follows the setting's name and never repeats the value. Without an
    /// <c>sslmode</c>, TLS is required for a server on another machine: Heroku's accepts nothing else.
    /// </summary>
    /// <param name="unused">The parameters that libpq knows and that have no effect here.</param>
    public static string? TryParse(string value, out NpgsqlConnectionStringBuilder? result, out IReadOnlyList<string> unused)
    {
        result = null;
        var without = new List<string>();
        unused = without;
        if (!LooksLikeOne(value))
        {
            return "is not a postgres:// URL.";
        }

        var rest = value[(value.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var (beforeQuery, query) = Cut(rest, rest.IndexOf('?', StringComparison.Ordinal));
        var (authority, path) = Cut(beforeQuery, beforeQuery.IndexOf('/', StringComparison.Ordinal));
        var at = authority.LastIndexOf('@');
        var userInfo = at < 0 ? "" : authority[..at];
        var hostAndPort = authority[(at + 1)..];

        var builder = new NpgsqlConnectionStringBuilder { SslMode = SslMode.Prefer };
        var (user, password) = Cut(userInfo, userInfo.IndexOf(':', StringComparison.Ordinal));
        if (user.Length > 0)
        {
            builder.Username = Uri.UnescapeDataString(user);
        }

        if (password.Length > 0)
        {
            builder.Password = Uri.UnescapeDataString(password);
        }

        if (SetHost(builder, hostAndPort) is { } hostFault)
        {
            return hostFault;
        }

        if (path.Length > 0)
        {
            builder.Database = Uri.UnescapeDataString(path);
        }

        var sslModeGiven = false;
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, encoded) = Cut(pair, pair.IndexOf('=', StringComparison.Ordinal));
            var setting = Uri.UnescapeDataString(encoded.Replace('+', ' '));
            if (PostgresParameters.Set(builder, key, setting, out var isUsed) is { } fault)
            {
                return fault;
            }

            if (!isUsed)
            {
                without.Add(key);
            }

            sslModeGiven |= key == "sslmode";
        }

        if (string.IsNullOrEmpty(builder.Host))
        {
            return "names no host.";
        }

        if (!sslModeGiven && !IsThisMachine(builder.Host))
        {
            builder.SslMode = SslMode.Require;
        }

        result = builder;
        return null;
    }

    private static string? SetHost(NpgsqlConnectionStringBuilder builder, string hostAndPort)
    {
        var bracket = hostAndPort.LastIndexOf(']');
        var colon = hostAndPort.IndexOf(':', bracket + 1);
        var host = Uri.UnescapeDataString(colon < 0 ? hostAndPort : hostAndPort[..colon]);
        if (host.StartsWith('[') != (bracket >= 0) || host.Contains(',', StringComparison.Ordinal))
        {
            return "must name one host.";
        }

        builder.Host = host.Trim('[', ']');
        if (colon >= 0)
        {
            if (!ushort.TryParse(hostAndPort[(colon + 1)..], out var port) || port == 0)
            {
                return "has a port that is not a number from 1 to 65535 (a ':', '/', '@' or '?' in the password must be percent-encoded).";
            }

            builder.Port = port;
        }

        return null;
    }

    private static bool IsThisMachine(string host) =>
        host.StartsWith('/') || host.StartsWith('@')
        || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static (string Before, string After) Cut(string text, int at) => at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
}
