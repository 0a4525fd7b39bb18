using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>How rclone is started for one drive.</summary>
/// <remarks>
/// Secrets go by the environment, which only root can read (<c>/proc/PID/environ</c> has mode 0400) and <c>ps</c> does not show. A
/// configuration file would leave them on a disk; one in memory (memfd) was tried: rclone 1.60 insists on writing refreshed tokens back and
/// stops for six seconds at each refresh when it cannot. With an empty path it keeps them in its own memory.
/// </remarks>
internal static class RcloneCommand
{
    private const string Remote = "fractal";

    /// <summary>
    /// Set where this machine reaches the world through a proxy or trusts further authorities; of the rest rclone needs nothing.
    /// </summary>
    private static readonly string[] PassedOn =
        ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// <param name="readyAddress">Where rclone says that the mount is there, as systemd's units do.</param>
    public static ProcessStartInfo Build(
        string rclone, CloudProvider provider, CloudDrive drive, string mountPoint, string cache, string readyAddress)
    {
        // setsid: a Ctrl-C at the service's terminal must not unmount drives before mandelboxes have ended. It keeps its pid.
        var start = new ProcessStartInfo("setsid")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (var argument in (string[])
            [rclone, "mount", Remote + ":", mountPoint, "--config", "", "--allow-other", "--vfs-cache-mode", "writes",

             // rclone waits 5 s before it uploads what was closed, and a lazy unmount does not wait for that: the file would be lost. With
             // 0 the upload begins at once, and rclone ends only after it.
             "--vfs-write-back", "0s",
             "--cache-dir", cache, "--log-level", "NOTICE"])
            start.ArgumentList.Add(argument);

        // Nothing inherited: not the service's own secrets, and no RCLONE_VERBOSE, which would make rclone log the token.
        start.Environment.Clear();
        foreach (var name in PassedOn)
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
                start.Environment[name] = value;
        }

        start.Environment["HOME"] = cache;
        start.Environment["NOTIFY_SOCKET"] = readyAddress;
        foreach (var (key, value) in Configuration(provider, drive))
            start.Environment[$"RCLONE_CONFIG_{Remote}_{key}".ToUpperInvariant()] = value;
        return start;
    }

    /// <summary>Null where it can be used; else why not.</summary>
    public static string? Fault(CloudDrive drive) =>
        drive.Expiry.Length > 0 && !DateTimeOffset.TryParse(drive.Expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)
            ? "expiry is not a date and time as RFC 3339 writes it, such as 2021-10-03T04:05:06Z"
            : null;

    private static Dictionary<string, string> Configuration(CloudProvider provider, CloudDrive drive)
    {
        var configuration = new Dictionary<string, string>(provider.Options, StringComparer.OrdinalIgnoreCase) { ["type"] = provider.Type };
        Add("client_id", drive.ClientId);
        Add("client_secret", drive.ClientSecret);
        if (drive.AccessToken.Length > 0 || drive.RefreshToken.Length > 0)
            configuration["token"] = Token(drive);
        return configuration;

        void Add(string key, string value)
        {
            if (value.Length > 0)
                configuration[key] = value;
        }
    }

    /// <summary>
    /// As Go's oauth2 package writes one. Without an expiry it would count as never expiring, which is what an empty one means.
    /// </summary>
    private static string Token(CloudDrive drive)
    {
        var token = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["access_token"] = drive.AccessToken,
            ["token_type"] = drive.TokenType.Length > 0 ? drive.TokenType : "Bearer",
            ["refresh_token"] = drive.RefreshToken,
        };
        if (drive.Expiry.Length > 0)
        {
            // In UTC, with a Z: JSON would write the + of an offset as \u002B, which Go does not read back in a time.
            token["expiry"] = DateTimeOffset.Parse(drive.Expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
                .UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
        }

        return JsonSerializer.Serialize(token);
    }
}
