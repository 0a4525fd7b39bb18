namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Section <c>CloudStorage</c>: the drives that can be mounted, and the timeouts (B29).</summary>
public sealed class CloudStorageOptions : IValidatedOptions
{
    public const string Section = "CloudStorage";

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

    public IEnumerable<string> Validate() =>
    [
        .. ValidatedOptions.Faults(
            (!string.IsNullOrWhiteSpace(Rclone), "CloudStorage:Rclone is empty; it must name the program"),
            ValidatedOptions.Positive("CloudStorage:MountTimeout", MountTimeout),
            ValidatedOptions.Positive("CloudStorage:FlushTimeout", FlushTimeout)),
        .. Providers.SelectMany(entry => Validate($"CloudStorage:Providers:{entry.Key}", entry.Value)),
    ];

    private static IEnumerable<string> Validate(string key, CloudProvider provider) =>
    [
        .. ValidatedOptions.Faults(
            (!string.IsNullOrWhiteSpace(provider.Type), $"{key}:Type is empty; it must name a backend of rclone's"),
            (PathNames.IsOne(provider.Directory), $"{key}:Directory is '{provider.Directory}'; it must be one name, without '/'")),
        .. provider.Options.Keys
            .Where(option => option.Length == 0 || !option.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            .Select(option => $"{key}:Options:{option}: the name of an option has letters, digits and '_' only"),
    ];
}
