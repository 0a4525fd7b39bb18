namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>The limits of an archive, for packing and unpacking alike.</summary>
/// <param name="MaxBytes">Of the tar stream, headers included.</param>
/// <param name="MaxEntries">Files, directories and links.</param>
internal sealed record ArchiveLimits(long MaxBytes, int MaxEntries)
{
    /// <summary>Of nested directories. Packing holds one descriptor for each level.</summary>
    public const int MaxDepth = 128;

    public const int MaxPathLength = 4096;
}
