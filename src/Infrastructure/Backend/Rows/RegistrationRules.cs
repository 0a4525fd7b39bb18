namespace HostService.Infrastructure.Backend.Rows;

/// <summary>The columns of table <c>instance_info</c> that a registration compares.</summary>
internal sealed record InstanceRow
{
    public string Location { get; init; } = "";
    public string AmiId { get; init; } = "";
    public string InstanceType { get; init; } = "";
    public string CommitHash { get; init; } = "";
    public string Status { get; init; } = "";
    public string CloudProviderId { get; init; } = "";
}

/// <summary>Decides whether this host may take over its row (B23).</summary>
internal static class RegistrationRules
{
    /// <summary>Whether a status means that the webserver no longer wants the host.</summary>
    public static bool SaysNotWanted(string status) => status is InstanceStatus.Draining or InstanceStatus.HostServiceUnresponsive;

    public static string NotWanted(string instanceName, string status, string expected) =>
        $"The webserver no longer wants instance \"{instanceName}\": column status of its row is \"{status}\", expected \"{expected}\".";

    public static RegistrationAnswer Decide(InstanceRow? row, HostRegistration ours)
    {
        if (row is null)
        {
            return Refused(
                $"table instance_info has no row with instance_name \"{ours.InstanceName}\": "
                + "the webserver creates it before it starts the instance.");
        }

        if (SaysNotWanted(row.Status))
        {
            return new RegistrationAnswer(
                RegistrationOutcome.NotWanted, NotWanted(ours.InstanceName, row.Status, InstanceStatus.PreConnection));
        }

        if (ours.MayHaveTakenOver && row.Status == InstanceStatus.Active && row.CloudProviderId == ours.CloudProviderId)
        {
            return new RegistrationAnswer(RegistrationOutcome.Registered, null);
        }

        var faults = new List<string>();
        Compare("status", InstanceStatus.PreConnection, row.Status);
        Compare("aws_ami_id", ours.Identity.AmiId, row.AmiId);
        Compare("location", ours.Identity.Region, row.Location);
        Compare("aws_instance_type", ours.Identity.InstanceType, row.InstanceType);
        if (row.CommitHash.Length == 0)
        {
            faults.Add($"column commit_hash is empty, expected a beginning of \"{ours.CommitHash}\"");
        }
        else if (!ours.CommitHash.StartsWith(row.CommitHash, StringComparison.Ordinal))
        {
            faults.Add($"column commit_hash is \"{row.CommitHash}\", expected a beginning of \"{ours.CommitHash}\"");
        }

        return faults.Count == 0
            ? new RegistrationAnswer(RegistrationOutcome.Registered, null)
            : Refused($"The row of instance \"{ours.InstanceName}\" does not match this host: {string.Join("; ", faults)}.");

        void Compare(string column, string expected, string found)
        {
            if (expected != found)
            {
                faults.Add($"column {column} is \"{found}\", expected \"{expected}\"");
            }
        }
    }

    private static RegistrationAnswer Refused(string reason) => new(RegistrationOutcome.Refused, reason);
}
