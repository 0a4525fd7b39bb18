namespace HostService.Machine.CloudStorage;

/// <summary>Mounts users' cloud drives with rclone (B29).</summary>
public interface ICloudStorage
{
    /// <summary>Mounts one drive for a mandelbox. Null on success, else why not (within 15 s); a later failure is reported by the log.</summary>
    Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken);

    /// <summary>Unmounts all drives of a mandelbox lazily and removes the empty directories. May be repeated. Failures are thrown together.</summary>
    Task UnmountAllAsync(string mandelboxId, CancellationToken cancellationToken);
}

/// <summary>A drive and the secrets that open it.</summary>
public sealed record CloudDrive
{
    public required string Provider { get; init; }
    public string AccessToken { get; init; } = "";
    public string RefreshToken { get; init; } = "";
    public string Expiry { get; init; } = "";
    public string TokenType { get; init; } = "";
    public string ClientId { get; init; } = "";
    public string ClientSecret { get; init; } = "";

    public override string ToString() => $"cloud drive {Provider}";
}
