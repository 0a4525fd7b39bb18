using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>The command line and environment of rclone for one drive.</summary>
/// <remarks>
/// Secrets are passed in the environment, which only root can read (<c>/proc/PID/environ</c> has mode 0400) and <c>ps</c> does not show. A
/// configuration file would leave them on a disk. One in memory (memfd) does not work: rclone 1.60 writes refreshed tokens back and stops
/// for six seconds at each refresh when it cannot. With an empty path it keeps them in its own memory.
/// </remarks>
internal static class RcloneCommand
{
    /// <summary>The source of our mounts in <c>/proc/self/mountinfo</c>.</summary>
    public const string MountSource = "host-service";
    private const string Remote = "fractal";

    /// <summary>Set where this machine uses a proxy or trusts further certificate authorities. rclone needs nothing else.</summary>
    private static readonly string[] PassedOn =
        ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// <param name="readyAddress">The socket to which rclone reports that the drive is mounted.</param>
    public static ProcessStartInfo Build(
        string rclone, CloudProvider provider, CloudDrive drive, string mountPoint, string cache, string readyAddress)
    {
        // setpriv: rclone must end with the service, also when that is killed. setsid: a Ctrl-C at the service's terminal must not unmount
        // drives before mandelboxes have ended. Both replace themselves, so that the process id is rclone's.
        string[] arguments =
        [
            "--pdeathsig", "TERM", "setsid", rclone, "mount", Remote + ":", mountPoint, "--config", "", "--allow-other",
            "--vfs-cache-mode", "writes",

            // By default rclone waits 5 s before it uploads a closed file, and a lazy unmount does not wait for that: the file would be
            // lost. With 0 the upload begins at once, and rclone ends only after it.
            "--vfs-write-back", "0s",
            "--cache-dir", cache, "--devname", MountSource, "--log-level", "NOTICE",
        ];
        var start = new ProcessStartInfo("setpriv", arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };

        // Nothing is inherited: not the service's own secrets, and no RCLONE_VERBOSE, which would make rclone log the token.
        start.Environment.Clear();
        foreach (var name in PassedOn)
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                start.Environment[name] = value;
            }
        }

        start.Environment["HOME"] = cache;
        start.Environment["NOTIFY_SOCKET"] = readyAddress;
        foreach (var (key, value) in Configuration(provider, drive))
        {
            start.Environment[$"RCLONE_CONFIG_{Remote}_{key}".ToUpperInvariant()] = value;
        }

        return start;
    }

    /// <summary>Whether a process with this command line serves a drive of ours, and where.</summary>
    public static bool TryRead(string[] commandLine, out string mountPoint, out string cache)
    {
        mountPoint = cache = "";
        if (commandLine is not [_, "mount", Remote + ":", var path, ..] || Array.IndexOf(commandLine, "--cache-dir") is var at && at < 0)
        {
            return false;
        }

        (mountPoint, cache) = (path, commandLine.ElementAtOrDefault(at + 1) ?? "");
        return cache.Length > 0;
    }

    /// <summary>Null where the drive can be mounted, else why not.</summary>
    public static string? Fault(CloudDrive drive) =>
        drive.Expiry.Length > 0
        && !DateTimeOffset.TryParse(drive.Expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)
            ? "expiry is not a date and time in RFC 3339 format, such as 2021-10-03T04:05:06Z"
            : null;

    private static Dictionary<string, string> Configuration(CloudProvider provider, CloudDrive drive)
    {
        var configuration = new Dictionary<string, string>(provider.Options, StringComparer.OrdinalIgnoreCase) { ["type"] = provider.Type };
        Add("client_id", drive.ClientId);
        Add("client_secret", drive.ClientSecret);
        if (drive.AccessToken.Length > 0 || drive.RefreshToken.Length > 0)
        {
            configuration["token"] = Token(drive);
        }

        return configuration;

        void Add(string key, string value)
        {
            if (value.Length > 0)
            {
                configuration[key] = value;
            }
        }
    }

    /// <summary>The format of Go's oauth2 package. Without an expiry the token never expires, which is what an empty one means.</summary>
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
            // In UTC, with a Z: JSON would encode the + of an offset as \u002B, which Go does not read back in a time.
            token["expiry"] = DateTimeOffset.Parse(drive.Expiry, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
                .UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
        }

        return JsonSerializer.Serialize(token);
    }
}
