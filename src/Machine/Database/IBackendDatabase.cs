namespace HostService.Machine.Database;

/// <summary>The web backend's database (B23–B27). Every call has a deadline; statuses that cannot be written are kept and written later.</summary>
public interface IBackendDatabase
{
    /// <summary>Opens and tests the connection; throws <see cref="BackendDatabaseException"/> with the reason.</summary>
    Task TestAsync(CancellationToken cancellationToken);

    /// <summary>Takes this host's row over (B23).</summary>
    Task<RegistrationAnswer> RegisterAsync(HostRegistration registration, CancellationToken cancellationToken);

    /// <summary>Writes figures and time (B24).</summary>
    Task HeartbeatAsync(string instanceName, HostFigures figures, CancellationToken cancellationToken);

    /// <summary>The host's status, for example <c>DRAINING</c>; kept and written later during an outage.</summary>
    Task SetHostStatusAsync(string instanceName, string status, CancellationToken cancellationToken);

    /// <summary>The host's row goes, once all is cleaned up (B26).</summary>
    Task RemoveHostAsync(string instanceName, CancellationToken cancellationToken);

    /// <summary>
    /// <c>ALLOCATED</c> → <c>CONNECTING</c> in one transaction, if the row exists and belongs to this instance and this user (B7). Null on success, else why not.
    /// </summary>
    Task<string?> ClaimMandelboxAsync(string instanceName, string mandelboxId, string userId, CancellationToken cancellationToken);

    /// <summary><c>RUNNING</c> or <c>DYING</c>; during an outage kept and written later, the newest wins.</summary>
    Task SetMandelboxStatusAsync(string mandelboxId, string status, CancellationToken cancellationToken);

    /// <summary>The row goes; during an outage, later.</summary>
    Task RemoveMandelboxAsync(string mandelboxId, CancellationToken cancellationToken);

    /// <summary>Rows of this instance that nobody came for (B25). How many went.</summary>
    Task<int> RemoveStaleMandelboxesAsync(string instanceName, CancellationToken cancellationToken);
}

/// <summary>What registration compares and writes.</summary>
public sealed record HostRegistration(
    string InstanceName, string InstanceId, string AmiId, string Region, string InstanceType, string CommitHash, string PublicIpv4, int Capacity, HostFigures Figures);

/// <summary>Free resources; a figure that could not be read is null and its column stays.</summary>
public sealed record HostFigures(long? FreeMemoryKb, long? NanoCpus, long? FreeGpuMemoryKb);

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

/// <summary>The database could not be asked or did not answer in time.</summary>
public sealed class BackendDatabaseException(string message, Exception? inner = null) : Exception(message, inner);
