using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Section <c>CloudStorage</c>: the drives that can be mounted, and the timeouts (B29).</summary>
public sealed class CloudStorageOptions : IValidatedOptions
{
    /// <summary>The program, by name or path.</summary>
    public string Rclone { get; set; } = "rclone";

    /// <summary>For mounting a drive.</summary>
    public TimeSpan MountTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a mandelbox's end waits for the upload of what its user wrote. With 15 s for unmounting it must be shorter than
    /// <c>Mandelbox:CleanUpTimeout</c>.
    /// </summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>What settling a drive before its flush, and ending its rclone after it, may take in addition.</summary>
    public static TimeSpan AroundFlush { get; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Files on their way to a drive; root only. What could not be uploaded stays there, also when the service has ended. Null:
    /// <c>&lt;Host:CloudStorageRoot&gt;/.cache</c>.
    /// </summary>
    public string? CacheRoot { get; set; }

    /// <summary>By the name that callers use.</summary>
    public Dictionary<string, CloudProvider> Providers { get; set; } = new(StringComparer.Ordinal)
    {
        ["google_drive"] = new CloudProvider { Type = "drive", Directory = "Google Drive" },
        ["dropbox"] = new CloudProvider { Type = "dropbox", Directory = "Dropbox" },
    };

    public IEnumerable<string> Validate()
    {
        if (string.IsNullOrWhiteSpace(Rclone))
        {
            yield return "CloudStorage:Rclone: name the program";
        }

        if (MountTimeout <= TimeSpan.Zero)
        {
            yield return "CloudStorage:MountTimeout: must be above 0";
        }

        if (FlushTimeout <= TimeSpan.Zero)
        {
            yield return "CloudStorage:FlushTimeout: must be above 0";
        }

        foreach (var (provider, entry) in Providers)
        {
            if (string.IsNullOrWhiteSpace(entry.Type))
            {
                yield return $"CloudStorage:Providers:{provider}:Type: name a backend of rclone's";
            }

            if (!PathNames.IsOne(entry.Directory))
            {
                yield return $"CloudStorage:Providers:{provider}:Directory: write one name, without '/'";
            }

            foreach (var key in entry.Options.Keys.Where(key => key.Length == 0 || !key.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')))
            {
                yield return $"CloudStorage:Providers:{provider}:Options:{key}: letters, digits and '_' only";
            }
        }
    }
}
