namespace HostService.Infrastructure;

/// <summary>Section <c>Host</c>: where things lie on this machine and how far the service may reach.</summary>
public sealed class HostOptions
{
    /// <summary>B4; temp and resource mappings lie below it.</summary>
    public string Root { get; set; } = "/fractal";

    /// <summary>The TLS key; root only.</summary>
    public string PrivateRoot { get; set; } = "/fractalprivate";

    /// <summary>Users' cloud drives are mounted below it; never deleted.</summary>
    public string CloudStorageRoot { get; set; } = "/fractalCloudStorage";

    /// <summary>False: no root needed; no systemctl, AppArmor, firewall, chown, shutdown.</summary>
    public bool ManageSystem { get; set; } = true;

    /// <summary><c>refuse</c>, <c>reclaim</c> or <c>reattach</c>: what to do when the last run did not end cleanly.</summary>
    public string OnLeftovers { get; set; } = "refuse";

    /// <summary>Mandelboxes on a host without a GPU, 0..54; local environments only.</summary>
    public int CpuOnlySlots { get; set; } = 54;

    /// <summary>The host's name in a local environment, and its key in the database; the machine's own name when empty.</summary>
    public string InstanceName { get; set; } = "";
}
