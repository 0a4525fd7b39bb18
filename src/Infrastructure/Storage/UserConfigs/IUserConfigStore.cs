namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>Where a user's app settings are kept between sessions (B22).</summary>
public interface IUserConfigStore
{
    /// <summary>
    /// Fetches, decrypts and unpacks into <paramref name="directory"/>, which is made where it is missing. Nothing of an archive that is
    /// damaged, hostile or too large appears in it. Never throws for what a store or an archive can do to it.
    /// </summary>
    Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);

    /// <summary>
    /// Packs, encrypts and uploads <paramref name="directory"/>. The upload is verified, and replaces what was stored only once it is
    /// whole. Never throws for what a store or the directory can do to it.
    /// </summary>
    Task<SaveAnswer> SaveAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);

    /// <summary>The same, but only where nothing is stored yet; the store itself sees to that, however late something comes there.</summary>
    Task<SaveAnswer> SaveIfAbsentAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);

    /// <summary>
    /// Gives up what is still being fetched and saved and refuses what comes later: from the moment of the call nothing that is packed can
    /// replace what is stored. Done when nothing works on any directory any more.
    /// </summary>
    Task StopAsync(CancellationToken cancellationToken);
}

/// <summary>Whose settings of what.</summary>
/// <param name="Environment">Lower case.</param>
public sealed record UserConfigKey(string UserId, string Environment, string App)
{
    /// <summary>The key in the bucket: <c>user/environment/app/fractal-app-config.tar.lz4.enc</c>.</summary>
    public string ObjectKey => $"{UserId}/{Environment}/{App}/fractal-app-config.tar.lz4.enc";
}

public enum FetchOutcome
{
    /// <summary>Unpacked.</summary>
    Restored,

    /// <summary>Nothing stored yet: no error.</summary>
    FirstRun,

    /// <summary>
    /// The store does not let on whether there is anything: without leave to list its bucket, S3 denies access to what is not there. What is
    /// set now may be saved by <see cref="IUserConfigStore.SaveIfAbsentAsync"/> and not otherwise.
    /// </summary>
    Unknown,

    /// <summary>There is, or may be, a stored archive that could not be read. It must not be overwritten.</summary>
    Failed,
}

/// <param name="Reason">Of a failure, or of not knowing.</param>
public sealed record FetchAnswer(FetchOutcome Outcome, string? Reason = null);

/// <param name="Saved">Whether the stored archive is the new one now.</param>
/// <param name="Reason">Of a failure; null where user configs are switched off, so that nothing was to be saved.</param>
public sealed record SaveAnswer(bool Saved, string? Reason = null);
