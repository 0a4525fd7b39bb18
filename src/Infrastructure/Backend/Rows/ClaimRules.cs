namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The columns of table <c>mandelbox_info</c> that a claim compares.</summary>
internal sealed record MandelboxRow
{
    public string UserId { get; init; } = "";
    public string InstanceName { get; init; } = "";
    public string Status { get; init; } = "";
}

/// <summary>Decides whether a mandelbox may be spun up here for this user (B7).</summary>
internal static class ClaimRules
{
    /// <summary>Null, or the reason. The user is compared first: nobody learns the state of another user's mandelbox.</summary>
    public static string? Refusal(MandelboxRow? row, string mandelboxId, string instanceName, string userId)
    {
        if (row is null)
        {
            return $"Mandelbox {mandelboxId} is not in the database: the webserver has not assigned it, "
                + "or it waited too long and was removed.";
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
            : $"Mandelbox {mandelboxId} has status {row.Status} in the database; "
                + $"only one that is {MandelboxStatus.Allocated} can be spun up.";
    }
}
