namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>Keeps a user's app settings between sessions (B22).</summary>
public interface IUserConfigStore
{
    /// <summary>
    /// The key of the archive that a session will leave; deriving it takes milliseconds of CPU time. Null where nothing will be saved.
    /// </summary>
    ArchiveKey? NewKey(string encryptionToken) => ArchiveKey.New(encryptionToken);

    /// <summary>
    /// Fetches, decrypts and unpacks into <paramref name="directory"/>, which is created where it is missing. An archive that is damaged,
    /// hostile or too large leaves nothing in it. Never throws because of the store or the archive.
    /// </summary>
    Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);

    /// <summary>
    /// Packs, encrypts and uploads <paramref name="directory"/>. The upload is verified, and replaces the stored archive only when it is
    /// complete. Never throws because of the store or the directory.
    /// </summary>
    Task<SaveAnswer> SaveAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken);

    /// <summary>The same, but only where nothing is stored yet; the store itself checks that at the end of the upload.</summary>
    Task<SaveAnswer> SaveIfAbsentAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken);

    /// <summary>Whichever of the two suits how the configs were fetched.</summary>
    Task<SaveAnswer> SaveAsync(
        FetchOutcome? fetched, UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        fetched == FetchOutcome.Unknown
            ? SaveIfAbsentAsync(key, archiveKey, directory, cancellationToken)
            : SaveAsync(key, archiveKey, directory, cancellationToken);

    /// <summary>Asks the store for something that changes nothing. Returns what is used, for an operator.</summary>
    /// <exception cref="IOException">It does not answer, or not as it should; the message says why.</exception>
    Task<string> TestAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Cancels the running transfers and refuses new ones: from the moment of the call no upload can replace a stored archive. Returns when
    /// no transfer uses a directory any more.
    /// </summary>
    Task StopAsync(CancellationToken cancellationToken);
}

/// <summary>A user's settings of an app in an environment.</summary>
/// <param name="Environment">Lower case.</param>
public sealed record UserConfigKey(string UserId, string Environment, string App)
{
    /// <summary>The key in the bucket: <c>user/environment/app/fractal-app-config.tar.lz4.enc</c>.</summary>
    public string ObjectKey => $"{UserId}/{Environment}/{App}/fractal-app-config.tar.lz4.enc";
}

public enum FetchOutcome
{
    Restored,

    /// <summary>Nothing stored yet: no error.</summary>
    FirstRun,

    /// <summary>403: missing and forbidden look alike. Save only by <see cref="IUserConfigStore.SaveIfAbsentAsync"/>.</summary>
    Unknown,

    /// <summary>There is, or may be, a stored archive that could not be read. Do not overwrite it.</summary>
    Failed,

    /// <summary>User configs are switched off: nothing was looked for, and nothing will be saved.</summary>
    Off,
}

public static class FetchOutcomes
{
    extension(FetchOutcome? fetched)
    {
        /// <summary>Whether the configs may be saved: not before the fetch, nor over a stored archive that could not be read.</summary>
        public bool AllowsSave => fetched is FetchOutcome.Restored or FetchOutcome.FirstRun or FetchOutcome.Unknown;
    }
}

/// <param name="Reason">For <see cref="FetchOutcome.Failed"/> and <see cref="FetchOutcome.Unknown"/>.</param>
public sealed record FetchAnswer(FetchOutcome Outcome, string? Reason = null);

/// <param name="Saved">Whether the new archive is stored.</param>
/// <param name="Reason">Why it was not saved; null where user configs are switched off.</param>
public sealed record SaveAnswer(bool Saved, string? Reason = null);
