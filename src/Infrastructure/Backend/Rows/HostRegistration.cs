namespace HostService.Infrastructure.Backend.Rows;

/// <summary>What registration compares with the row and writes to it.</summary>
/// <param name="CommitHash">The whole hash of this build's commit.</param>
/// <param name="Capacity">How many mandelboxes this host takes.</param>
public sealed record HostRegistration(HostIdentity Identity, string CommitHash, int Capacity, MachineFigures Figures)
{
    public string InstanceName => Identity.InstanceName;

    /// <summary>
    /// Whether this host may have taken the row over already, in an earlier run or by a registration whose answer was lost: such a row is
    /// taken over again.
    /// </summary>
    public bool MayHaveTakenOver { get; init; }

    /// <summary>Column <c>cloud_provider_id</c>.</summary>
    public string CloudProviderId => $"aws-{Identity.InstanceId}";
}

public enum RegistrationOutcome
{
    /// <summary>The row is ours and says <c>ACTIVE</c>.</summary>
    Registered,

    /// <summary>The webserver no longer wants this host: shut down cleanly.</summary>
    NotWanted,

    /// <summary>The row is missing or does not match: refuse to start.</summary>
    Refused,
}

/// <param name="Reason">Names the column, what was expected and what was found; null when registered.</param>
public sealed record RegistrationAnswer(RegistrationOutcome Outcome, string? Reason);
