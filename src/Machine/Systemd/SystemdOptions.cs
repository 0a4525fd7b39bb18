namespace HostService.Machine.Systemd;

/// <summary>Section <c>Systemd</c>.</summary>
public sealed class SystemdOptions
{
    /// <summary>The program that starts units; looked for in PATH unless it is a path.</summary>
    public string Systemctl { get; set; } = "systemctl";

    /// <summary>How long a unit may take to start. Docker takes under 10 s on a fresh host; its own unit gives up after 90 s.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(90);
}
