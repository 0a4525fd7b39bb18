namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Mounts users' cloud drives (B29).</summary>
public interface ICloudStorage
{
    /// <summary>
    /// Creates <c>&lt;Host:CloudStorageRoot&gt;/&lt;mandelbox id&gt;</c>, which the mandelbox's container binds. It must exist before the
    /// container, and stay the same directory while drives below it are mounted and unmounted. <see cref="UnmountAllAsync"/> removes it.
    /// May be repeated.
    /// </summary>
    Task PrepareAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>
    /// Moves the directory of a mandelbox, in which nothing is mounted, to another mandelbox, whose empty one is replaced.
    /// </summary>
    /// <exception cref="IOException">It is not there, or something is left of the other mandelbox.</exception>
    void Move(string mandelboxId, string toMandelboxId);

    /// <summary>
    /// Mounts a drive at <c>&lt;Host:CloudStorageRoot&gt;/&lt;mandelbox id&gt;/&lt;directory of the provider&gt;/</c>. A drive that is
    /// mounted already stays as it is. Returns null on success, else the reason, within <c>CloudStorage:MountTimeout</c>; a later failure
    /// is logged.
    /// </summary>
    Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken);

    /// <summary>
    /// Unmounts all drives of a mandelbox lazily, those that an earlier run of the service mounted included, waits for the upload of what
    /// was written to them, and removes the directories that are empty. May be repeated. Failures are thrown together.
    /// </summary>
    Task UnmountAllAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>
    /// Unmounts the drives that a run of the service that was killed left mounted, and ends the programs that serve them. Call only where
    /// no other service uses the same root. Failures are logged.
    /// </summary>
    /// <param name="kept">Ids of mandelboxes that go on: the directories that their containers have bound stay.</param>
    Task ReclaimAsync(IReadOnlyCollection<string> kept, CancellationToken cancellationToken);
}
