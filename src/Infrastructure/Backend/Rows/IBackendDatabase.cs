using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Connection;

namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The web backend's database (B23–B27). Every call has a deadline; statuses that cannot be written are kept and written later.</summary>
public interface IBackendDatabase
{
    /// <summary>Opens and tests the connection; throws <see cref="BackendDatabaseException"/> with the reason.</summary>
    Task TestAsync(CancellationToken cancellationToken);

    /// <summary>Takes this host's row over (B23).</summary>
    Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken);

    /// <summary>
    /// Writes figures and time (B24). Null while the webserver wants this host, else why it no longer does: its row says <c>DRAINING</c> or
    /// <c>HOST_SERVICE_UNRESPONSIVE</c>, and not by <see cref="SetHostStatusAsync"/> (B23).
    /// </summary>
    Task<string?> HeartbeatAsync(string instanceName, MachineFigures figures, CancellationToken cancellationToken);

    /// <summary>What <see cref="HeartbeatAsync"/> answers, without a heartbeat; a row that is not there is no reason.</summary>
    Task<string?> WhyNotWantedAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>
    /// The host's status, for example <c>DRAINING</c>; kept and written later during an outage. Nothing is written where <see cref="RegisterAsync"/> was refused.
    /// </summary>
    Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken);

    /// <summary>
    /// The host's row goes, once all is cleaned up (B26); its mandelboxes' rows go with it. Kept during an outage, and nothing is written where <see cref="RegisterAsync"/> was refused.
    /// </summary>
    Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>
    /// <c>ALLOCATED</c> → <c>CONNECTING</c> in one transaction, if the row exists and belongs to this instance and this user (B7). Null on success, else
    /// why not, in words that may be shown to the caller. An outage is such a reason too, after at most <see cref="DatabaseOptions.Timeout"/>; a row that may have
    /// been taken all the same is removed as soon as the database can be written, before another claim of it.
    /// </summary>
    Task<string?> ClaimMandelboxAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken);

    /// <summary>
    /// <c>RUNNING</c> or <c>DYING</c>; during an outage kept and written later, the newest wins. Never throws because of the database. A status only moves
    /// forward, and a row that was never claimed is left alone.
    /// </summary>
    Task SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken);

    /// <summary>The row goes; during an outage, later. A row that was never claimed (still <c>ALLOCATED</c>) stays.</summary>
    Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>Rows of this instance that nobody came for (B25). How many went.</summary>
    Task<int> RemoveStaleMandelboxesAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>
    /// At the end of the service: waits until every kept write is in the database, at most <see cref="DatabaseOptions.FlushTimeout"/>. How many could not be
    /// written; they are named in the log. A database that keeps nothing back has nothing to do here.
    /// </summary>
    Task<int> FlushAsync(CancellationToken cancellationToken) => Task.FromResult(0);
}

/// <summary>What registration compares and writes.</summary>
/// <param name="CommitHash">The whole commit of this build.</param>
/// <param name="Capacity">Slots for mandelboxes.</param>
public sealed record HostRegistration(HostIdentity Identity, string CommitHash, int Capacity, MachineFigures Figures)
{
    public string InstanceName => Identity.InstanceName;

    /// <summary>As column <c>cloud_provider_id</c> names it.</summary>
    public string CloudProviderId => $"aws-{Identity.InstanceId}";
}

/// <summary>What came of a registration.</summary>
public enum RegistrationOutcome
{
    /// <summary>The row is ours and says <c>ACTIVE</c>.</summary>
    Registered,

    /// <summary>The webserver no longer wants us: shut down cleanly.</summary>
    NotWanted,

    /// <summary>The row is missing or does not match: refuse to start.</summary>
    Refused,
}

/// <param name="Reason">Names the column, what was expected and what was found; null when registered.</param>
public sealed record RegistrationAnswer(RegistrationOutcome Outcome, string? Reason);

/// <summary>The database could not be asked, did not answer in time, or answered with an error. The message says what was attempted and holds no secret.</summary>
public sealed class BackendDatabaseException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the database cannot be reached or does not answer, so that no other query would fare better now.</summary>
    public bool Unreachable { get; init; }
}
