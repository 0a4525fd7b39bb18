namespace HostService.Infrastructure.Backend.Rows;

/// <summary>Column <c>status</c> of table <c>instance_info</c>.</summary>
public static class InstanceStatus
{
    /// <summary>Created by the webserver; no host service yet.</summary>
    public const string PreConnection = "PRE_CONNECTION";

    /// <summary>Takes mandelboxes.</summary>
    public const string Active = "ACTIVE";

    /// <summary>Takes no new mandelboxes.</summary>
    public const string Draining = "DRAINING";

    /// <summary>Set by the webserver when heartbeats stay away.</summary>
    public const string HostServiceUnresponsive = "HOST_SERVICE_UNRESPONSIVE";
}
