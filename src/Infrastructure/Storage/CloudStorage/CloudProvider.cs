namespace HostService.Infrastructure.Storage.CloudStorage;

public sealed class CloudProvider
{
    /// <summary>rclone's name of the backend: <c>drive</c>, <c>dropbox</c>, <c>alias</c> …</summary>
    public string Type { get; set; } = "";

    /// <summary>The directory's name that the user sees.</summary>
    public string Directory { get; set; } = "";

    /// <summary>Further options of the backend, as in rclone's configuration file.</summary>
    public Dictionary<string, string> Options { get; set; } = new(StringComparer.Ordinal);
}
