namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>Section <c>Systemd</c>.</summary>
public sealed class SystemdOptions
{
    /// <summary>The program that talks to systemd; looked for in PATH unless it is a path.</summary>
    public string Systemctl { get; set; } = "systemctl";

    /// <summary>How long a unit may take to start. Docker takes under 10 s on a fresh host; its own unit gives up after 90 s.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>How often to look whether systemd was reloaded, on hosts where that can take the GPUs from mandelboxes that run.</summary>
    public TimeSpan ReloadCheckInterval { get; set; } = TimeSpan.FromSeconds(30);
}
