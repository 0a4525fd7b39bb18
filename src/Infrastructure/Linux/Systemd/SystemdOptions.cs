namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Section <c>Systemd</c>.</summary>
public sealed class SystemdOptions : IValidatedOptions
{
    public const string Section = "Systemd";

    /// <summary>Looked for in PATH unless it is a path.</summary>
    public string Systemctl { get; set; } = "systemctl";

    /// <summary>How long a unit may take to start. Docker takes under 10 s on a fresh host; its own unit gives up after 90 s.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>How often to check for a <c>daemon-reload</c>, on hosts where that can take the GPUs from running mandelboxes.</summary>
    public TimeSpan ReloadCheckInterval { get; set; } = TimeSpan.FromSeconds(30);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        ValidatedOptions.Positive("Systemd:StartTimeout", StartTimeout),
        ValidatedOptions.Positive("Systemd:ReloadCheckInterval", ReloadCheckInterval),
        (Systemctl.Length > 0, "Systemd:Systemctl is empty; it must name a program, usually systemctl"));
}
