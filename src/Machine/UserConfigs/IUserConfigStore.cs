namespace HostService.Machine.UserConfigs;

/// <summary>Where a user's app settings are kept between sessions (B22).</summary>
public interface IUserConfigStore
{
    /// <summary>Fetches, decrypts and unpacks into <paramref name="directory"/>. Never throws for what a store or an archive can do to it.</summary>
    Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);

    /// <summary>Packs, encrypts and uploads <paramref name="directory"/>; verified after upload.</summary>
    Task<SaveAnswer> SaveAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken);
}

/// <summary>Whose settings of what: <c>user/environment/app/fractal-app-config.tar.lz4.enc</c>.</summary>
/// <param name="Environment">Lower case.</param>
public sealed record UserConfigKey(string UserId, string Environment, string App);

public enum FetchOutcome
{
    /// <summary>Unpacked.</summary>
    Restored,

    /// <summary>Nothing stored yet: no error.</summary>
    FirstRun,

    /// <summary>There is, or may be, a stored archive that could not be read. It must not be overwritten.</summary>
    Failed,
}

/// <param name="Reason">Of a failure.</param>
public sealed record FetchAnswer(FetchOutcome Outcome, string? Reason = null);

/// <param name="Saved">Whether the stored archive is the new one now.</param>
/// <param name="Reason">Of a failure.</param>
public sealed record SaveAnswer(bool Saved, string? Reason = null);
