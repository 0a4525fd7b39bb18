namespace HostService.Infrastructure.Backend.Rows;

/// <summary>LOCALDEV has no backend: everything is granted and nothing is written (B1).</summary>
public sealed class NoDatabase : IBackendDatabase
{
    public Task TestAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken) =>
        Task.FromResult(new RegistrationAnswer(RegistrationOutcome.Registered, null));

    public Task<RegistrationAnswer> CheckRegistrationAsync(HostRegistration registration, CancellationToken cancellationToken) =>
        RegisterAsync(registration, cancellationToken);

    public Task<int> RemoveLostMandelboxesAsync(
        string instanceName, IReadOnlyCollection<string> existing, CancellationToken cancellationToken) => Task.FromResult(0);

    public Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken) =>
        Task.FromResult<string?>(null);

    public Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<string?> ClaimMandelboxAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken) =>
        Task.FromResult<string?>(null);

    public Task<bool> SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken) =>
        Task.FromResult(true);

    public Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<int> RemoveStaleMandelboxesAsync(
        string instanceName, Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive, CancellationToken cancellationToken) =>
        Task.FromResult(0);

    public Task<IReadOnlyCollection<string>?> ListMandelboxesAsync(string instanceName, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyCollection<string>?>(null);

    public Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellationToken) => Task.FromResult<DateTimeOffset?>(null);
}
