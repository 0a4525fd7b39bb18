namespace HostService.Silo.Shutdown;

/// <summary>How far start-up has come: the way out takes back only what was begun.</summary>
public sealed class StartedParts
{
    /// <summary>Identity and inventory are known.</summary>
    public bool Facts { get; set; }

    /// <summary>Why no mandelbox can come up on this machine; null when one can.</summary>
    public string? Lacking { get; set; }

    /// <summary>A reload of systemd can take the GPUs from mandelboxes that run, and this service is the one to notice it.</summary>
    public bool ReloadsTakeGpus { get; set; }

    /// <summary>The silo takes grain calls.</summary>
    public bool Silo { get; set; }

    /// <summary>The host's row in the database is ours.</summary>
    public bool Registered { get; set; }

    /// <summary>The row has said <c>ACTIVE</c>: mandelboxes may have been assigned to this host.</summary>
    public bool Active { get; set; }
}
