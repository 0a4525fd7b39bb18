using HostService.GrainInterfaces;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Mounts users' cloud drives (B29).</summary>
public interface ICloudStorage
{
    /// <summary>
    /// Makes <c>&lt;Host:CloudStorageRoot&gt;/&lt;mandelbox id&gt;</c>, which the mandelbox's container has bound: it must be there, and stay the same directory,
    /// before and while drives come and go below it. <see cref="UnmountAllAsync"/> takes it away. May be repeated.
    /// </summary>
    Task PrepareAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>
    /// Mounts one drive for a mandelbox at <c>&lt;Host:CloudStorageRoot&gt;/&lt;mandelbox id&gt;/&lt;directory of the provider&gt;/</c>.
    /// One that is mounted already stays as it is. Null on success, else why not, within <c>CloudStorage:MountTimeout</c>; a later failure
    /// is reported by the log.
    /// </summary>
    Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken);

    /// <summary>
    /// Unmounts all drives of a mandelbox lazily, waits until what was written to them has been uploaded, and removes the directories that
    /// are empty. May be repeated. Failures are thrown together.
    /// </summary>
    Task UnmountAllAsync(string mandelboxId, CancellationToken cancellationToken);
}
