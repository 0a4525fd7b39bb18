using HostService.Infrastructure.Backend.Connection;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The web backend's database (B23–B27). Calls time out; statuses and removals that fail are kept for later.</summary>
public interface IBackendDatabase
{
    /// <summary>Opens the connection and looks for the tables.</summary>
    /// <exception cref="BackendDatabaseException">The reason why it cannot be used.</exception>
    Task TestAsync(CancellationToken cancellationToken);

    /// <summary>What <see cref="RegisterAsync"/> would answer; changes nothing.</summary>
    Task<RegistrationAnswer> CheckRegistrationAsync(HostRegistration registration, CancellationToken cancellationToken);

    /// <summary>
    /// After the registration: removes rows of this instance that an earlier run claimed and did not remove, except those of mandelboxes
    /// that still exist. Returns how many were removed.
    /// </summary>
    Task<int> RemoveLostMandelboxesAsync(string instanceName, IReadOnlyCollection<string> existing, CancellationToken cancellationToken);

    /// <summary>Takes over this host's row (B23).</summary>
    Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken);

    /// <summary>
    /// Writes figures and time (B24). Returns null while the webserver wants this host, else why it no longer does: the row's status is
    /// <c>DRAINING</c> or <c>HOST_SERVICE_UNRESPONSIVE</c>, and <see cref="SetHostStatusAsync"/> did not write it (B23).
    /// </summary>
    Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken);

    /// <summary>Returns the same as <see cref="HeartbeatAsync"/> without writing; null also where the row is missing.</summary>
    Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>Sets the host's status, during an outage later; not where <see cref="RegisterAsync"/> was refused.</summary>
    Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken);

    /// <summary>
    /// For a host whose service was killed: <c>DRAINING</c>, if the row is <c>ACTIVE</c> and this machine has taken it over. Returns
    /// whether it was. Tried once.
    /// </summary>
    Task<bool> DrainKilledHostAsync(HostRegistration registration, CancellationToken cancellationToken) => Task.FromResult(false);

    /// <summary>Removes the host's row (B26) and its mandelboxes', as <see cref="SetHostStatusAsync"/> writes.</summary>
    Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>
    /// <c>ALLOCATED</c> → <c>CONNECTING</c> in one transaction, if the row exists and belongs to this instance and this user (B7). Returns
    /// null on success, else the reason, which may be shown to the caller. An outage is a reason, too, after at most
    /// <see cref="DatabaseOptions.Timeout"/>; a row that may have been claimed all the same is removed as soon as the database can be
    /// written, and before another claim of it.
    /// </summary>
    Task<string?> ClaimMandelboxAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken);

    /// <summary>
    /// Sets <c>RUNNING</c> or <c>DYING</c>. A status only moves forward, and a row that was never claimed stays as it is. Never throws
    /// because of the database: during an outage the newest status is kept and written later.
    /// </summary>
    /// <returns>False when the database has no such row, for example because the backend removed it. True when written or kept.</returns>
    Task<bool> SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken);

    /// <summary>Removes the row; later during an outage. A row that was never claimed (still <c>ALLOCATED</c>) stays.</summary>
    Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>
    /// Removes rows of this instance that are <c>ALLOCATED</c> or <c>CONNECTING</c> for too long, except those of mandelboxes that are
    /// alive on this host (B25). Returns how many were removed.
    /// </summary>
    /// <param name="alive">
    /// The ids of this host's mandelboxes. Called only where there are stale rows, and while they are locked: a claim of one of them waits,
    /// and then finds it gone.
    /// </param>
    Task<int> RemoveStaleMandelboxesAsync(
        string instanceName, Func<CancellationToken, Task<IReadOnlyCollection<string>>> alive, CancellationToken cancellationToken);

    /// <summary>
    /// The mandelboxes of this instance whose rows say <c>RUNNING</c> or <c>DYING</c>: those that no user waits for are swept. Null where
    /// that is not known: without a database, and while writes to such rows are kept for later.
    /// </summary>
    Task<IReadOnlyCollection<string>?> ListMandelboxesAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>The database's clock, which also shows that it answers; null without a database.</summary>
    Task<DateTimeOffset?> ReadClockAsync(CancellationToken cancellationToken);

    /// <summary>
    /// At the end of the service: waits until every kept write is in the database, at most <see cref="DatabaseOptions.FlushTimeout"/>.
    /// Returns how many could not be written; the log names them.
    /// </summary>
    Task<int> FlushAsync(CancellationToken cancellationToken) => Task.FromResult(0);
}
