namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>User configs are switched off: nothing is fetched, and nothing is saved.</summary>
internal sealed class NoUserConfigs : IUserConfigStore
{
    public ArchiveKey? NewKey(string encryptionToken) => null;

    public Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        Task.FromResult(new FetchAnswer(FetchOutcome.Off));

    public Task<SaveAnswer> SaveAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        Task.FromResult(new SaveAnswer(Saved: false));

    public Task<SaveAnswer> SaveIfAbsentAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, archiveKey, directory, cancellationToken);

    public Task<string> TestAsync(CancellationToken cancellationToken) => Task.FromResult("off (UserConfigs:Enabled)");

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
