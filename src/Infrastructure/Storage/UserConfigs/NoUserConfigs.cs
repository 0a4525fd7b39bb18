namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>User configs are switched off: every session is a first one, and nothing is saved.</summary>
internal sealed class NoUserConfigs : IUserConfigStore
{
    public Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        Task.FromResult(new FetchAnswer(FetchOutcome.FirstRun));

    public Task<SaveAnswer> SaveAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        Task.FromResult(new SaveAnswer(Saved: false));

    public Task<SaveAnswer> SaveIfAbsentAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, archiveKey, directory, cancellationToken);

    public Task<string> TestAsync(CancellationToken cancellationToken) => Task.FromResult("off (UserConfigs:Enabled)");

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
