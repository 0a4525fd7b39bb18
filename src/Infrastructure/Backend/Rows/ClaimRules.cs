namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The row of <c>hardware.mandelbox_info</c> as far as a claim looks at it.</summary>
internal sealed record MandelboxRow
{
    public string UserId { get; init; } = "";
    public string InstanceName { get; init; } = "";
    public string Status { get; init; } = "";
}

/// <summary>Whether a mandelbox may be brought up here for this user (B7).</summary>
internal static class ClaimRules
{
    /// <summary>
    /// Null when it may, else why not. The user comes first: whoever asks for another user's mandelbox learns nothing of its state or place.
    /// </summary>
    public static string? Refusal(MandelboxRow? row, string mandelboxId, string instanceName, string userId)
    {
        if (row is null)
        {
            return $"Mandelbox {mandelboxId} is not in the database: the webserver has not assigned it, or it waited too long and was removed.";
        }

        if (row.UserId != userId)
        {
            return $"Mandelbox {mandelboxId} is not assigned to this user.";
        }

        if (row.InstanceName != instanceName)
        {
            return $"Mandelbox {mandelboxId} is assigned to another host, not to {instanceName}.";
        }

        return row.Status == MandelboxStatus.Allocated
            ? null
            : $"Mandelbox {mandelboxId} has status {row.Status} in the database; only one that is {MandelboxStatus.Allocated} can be spun up.";
    }
}

/// <summary>Column <c>status</c> of <c>hardware.mandelbox_info</c>, in the order of a mandelbox's life.</summary>
public static class MandelboxStatus
{
    /// <summary>Assigned by the webserver; nobody has asked for it yet.</summary>
    public const string Allocated = "ALLOCATED";

    /// <summary>Claimed by a spin-up.</summary>
    public const string Connecting = "CONNECTING";

    /// <summary>In its user's hands.</summary>
    public const string Running = "RUNNING";

    /// <summary>Being taken down.</summary>
    public const string Dying = "DYING";

    private static readonly string[] InOrder = [Allocated, Connecting, Running, Dying];

    /// <summary>The statuses of a claimed row that <paramref name="status"/> may follow.</summary>
    internal static string[] ClaimedBefore(string status) => Array.IndexOf(InOrder, status) is var at and >= 2
        ? InOrder[1..at]
        : throw new ArgumentException($"\"{status}\" is not a status that a host sets; it sets {Running} and {Dying}.", nameof(status));
}
