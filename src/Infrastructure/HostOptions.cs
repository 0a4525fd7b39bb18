namespace HostService.Infrastructure;

/// <summary>Section <c>Host</c>: directories of this machine, and what the service may manage.</summary>
public sealed class HostOptions : IValidatedOptions
{
    public const string Section = "Host";

    private static readonly string[] SystemDirectories =
    [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/mnt", "/media", "/opt", "/proc", "/root", "/run", "/sbin",
        "/srv", "/sys", "/tmp", "/usr", "/var",
    ];

    /// <summary>B4; temporary files and resource mappings are below it.</summary>
    public string Root { get; set; } = "/fractal";

    /// <summary>The TLS key; root only.</summary>
    public string PrivateRoot { get; set; } = "/fractalprivate";

    /// <summary>Users' cloud drives are mounted below it. Never deleted.</summary>
    public string CloudStorageRoot { get; set; } = "/fractalCloudStorage";

    /// <summary>
    /// The records of running mandelboxes, and the history of those that have gone, are below it. The records hold keys, so it must be in
    /// memory, as <c>/run</c> is. When empty, root has <c>/run/host-service</c>, and others <c>host-service</c> below
    /// <c>$XDG_RUNTIME_DIR</c> or <c>/dev/shm</c>.
    /// </summary>
    public string RuntimeRoot { get; set; } = "";

    /// <summary>Mandelboxes' logs, which outlive them.</summary>
    public string LogsDirectory => Path.Combine(Root, "temp", "logs");

    /// <summary>Below <see cref="RuntimeRoot"/>, or what stands for it; one for each <see cref="Root"/>.</summary>
    public string RecordsDirectory => Path.Combine(
        RuntimeRoot.Length > 0
            ? RuntimeRoot
            : Path.Combine(
                Environment.IsPrivilegedProcess ? "/run" : Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") ?? "/dev/shm",
                "host-service"),
        Uri.EscapeDataString(Root.Trim('/')));

    /// <summary>The mandelboxes that have gone; see <see cref="Storage.Records.EndedMandelboxes"/>.</summary>
    public string EndedFile => $"{RecordsDirectory}.ended.jsonl";

    /// <summary>False: runs without root, and without systemctl, AppArmor, firewall, chown and shutdown.</summary>
    public bool ManageSystem { get; set; } = true;

    /// <summary><c>refuse</c>, <c>reclaim</c> or <c>reattach</c>: what to do when the last run did not end cleanly.</summary>
    public string OnLeftovers { get; set; } = "refuse";

    /// <summary>Whether running mandelboxes of the last run go on in this one.</summary>
    public bool Reattaches => OnLeftovers == "reattach";

    /// <summary>Mandelboxes on a host without a GPU, 0..54; local environments only.</summary>
    public int CpuOnlySlots { get; set; } = 54;

    /// <summary>
    /// Whether the service refuses to start (exit code 2) when <c>APP_ENV</c> is not set or names no environment. The installed units set
    /// it. False: such a service runs in LOCALDEV.
    /// </summary>
    public bool RequireEnvironment { get; set; }

    /// <summary>
    /// The host's name in a local environment, its key in the database, and the name by which <c>host-service gateway</c> finds the silo;
    /// the machine's own name when empty.
    /// </summary>
    public string InstanceName { get; set; } = "";

    /// <summary>The name in a local environment.</summary>
    public string LocalName => InstanceName.Length > 0 ? InstanceName : Environment.MachineName;

    public IEnumerable<string> Validate()
    {
        var roots = new (string Key, string Path)[]
        {
            ("Host:Root", Root), ("Host:PrivateRoot", PrivateRoot), ("Host:CloudStorageRoot", CloudStorageRoot),
        };
        foreach (var (key, path) in roots)
        {
            if (!Path.IsPathRooted(path) || path.Split('/').Contains("..") || path.Contains(':', StringComparison.Ordinal))
            {
                yield return $"{key} is '{path}'; it must be an absolute path without '..' or ':'.";
            }
            else if (SystemDirectories.Contains(Trim(path), StringComparer.Ordinal))
            {
                yield return $"{key} is '{path}', a directory of the system; name one of its own, for example /fractal.";
            }
        }

        var cloudStorage = Trim(CloudStorageRoot) + "/";
        foreach (var (key, path) in roots[..2].Where(r => cloudStorage.StartsWith(Trim(r.Path) + "/", StringComparison.Ordinal)))
        {
            yield return $"Host:CloudStorageRoot ('{CloudStorageRoot}') is inside {key} ('{path}'), which is removed at shutdown.";
        }

        if (RuntimeRoot.Length > 0 && !Path.IsPathRooted(RuntimeRoot))
        {
            yield return $"Host:RuntimeRoot is '{RuntimeRoot}'; it must be an absolute path.";
        }

        if (OnLeftovers is not ("refuse" or "reclaim" or "reattach"))
        {
            yield return $"Host:OnLeftovers is '{OnLeftovers}'; it must be refuse, reclaim or reattach.";
        }

        if (CpuOnlySlots is < 0 or > 54)
        {
            yield return $"Host:CpuOnlySlots is {CpuOnlySlots}; it must be from 0 to 54, the number of TTYs.";
        }
    }

    private static string Trim(string path) => path.Length > 1 ? path.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : "/" : path;
}
