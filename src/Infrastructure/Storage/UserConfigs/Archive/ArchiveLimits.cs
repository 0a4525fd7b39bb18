namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>How much an archive may hold, packing and unpacking alike.</summary>
/// <param name="MaxBytes">Of the tar stream, headers included.</param>
/// <param name="MaxEntries">Files, directories and links.</param>
internal sealed record ArchiveLimits(long MaxBytes, int MaxEntries)
{
    /// <summary>Directories within directories. Packing holds one descriptor a level.</summary>
    public const int MaxDepth = 128;

    /// <summary>PATH_MAX.</summary>
    public const int MaxPathLength = 4096;
}
