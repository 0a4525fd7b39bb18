using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Section <c>CloudStorage</c>: which drives can be mounted, and how long that may take (B29).</summary>
public sealed class CloudStorageOptions
{
    /// <summary>The program, by name or path.</summary>
    public string Rclone { get; set; } = "rclone";

    /// <summary>A mount that is not there by then is given up.</summary>
    public TimeSpan MountTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a mandelbox's end waits for what its user wrote to be uploaded. With 15 s for the unmounting it must be shorter than
    /// <c>Mandelbox:CleanUpTimeout</c>.
    /// </summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>What settling a drive before its flush, and ending its program after it, may take besides.</summary>
    public static TimeSpan AroundFlush { get; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Files on their way to a drive; root only. What could not be uploaded stays there, also beyond the service's end. Null:
    /// <c>&lt;Host:CloudStorageRoot&gt;/.cache</c>.
    /// </summary>
    public string? CacheRoot { get; set; }

    /// <summary>By the name that callers use.</summary>
    public Dictionary<string, CloudProvider> Providers { get; set; } = new(StringComparer.Ordinal)
    {
        ["google_drive"] = new CloudProvider { Type = "drive", Directory = "Google Drive" },
        ["dropbox"] = new CloudProvider { Type = "dropbox", Directory = "Dropbox" },
    };

    internal sealed class Validator : IValidateOptions<CloudStorageOptions>
    {
        public ValidateOptionsResult Validate(string? name, CloudStorageOptions options)
        {
            var faults = new List<string>();
            if (string.IsNullOrWhiteSpace(options.Rclone))
                faults.Add("CloudStorage:Rclone: name the program");
            if (options.MountTimeout <= TimeSpan.Zero)
                faults.Add("CloudStorage:MountTimeout: must be above 0");
            if (options.FlushTimeout <= TimeSpan.Zero)
                faults.Add("CloudStorage:FlushTimeout: must be above 0");
            foreach (var (provider, entry) in options.Providers)
            {
                if (string.IsNullOrWhiteSpace(entry.Type))
                    faults.Add($"CloudStorage:Providers:{provider}:Type: name a backend of rclone's");
                if (!PathNames.IsOne(entry.Directory))
                    faults.Add($"CloudStorage:Providers:{provider}:Directory: write one name, without '/'");
                faults.AddRange(entry.Options.Keys
                    .Where(key => key.Length == 0 || !key.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
                    .Select(key => $"CloudStorage:Providers:{provider}:Options:{key}: letters, digits and '_' only"));
            }

            return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
        }
    }
}

/// <summary>A kind of drive.</summary>
public sealed class CloudProvider
{
    /// <summary>rclone's name of the backend: <c>drive</c>, <c>dropbox</c>, <c>alias</c> …</summary>
    public string Type { get; set; } = "";

    /// <summary>What the user sees it under.</summary>
    public string Directory { get; set; } = "";

    /// <summary>Further options of the backend, as they stand in rclone's configuration file.</summary>
    public Dictionary<string, string> Options { get; set; } = new(StringComparer.Ordinal);
}

internal static class PathNames
{
    /// <summary>Whether this is the name of something in a directory, and of nothing else.</summary>
    public static bool IsOne(string name) => name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny('/', '\0') < 0;
}
