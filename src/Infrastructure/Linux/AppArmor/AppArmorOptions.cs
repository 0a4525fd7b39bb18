namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>Section <c>AppArmor</c>.</summary>
public sealed class AppArmorOptions
{
    public const string Section = "AppArmor";

    /// <summary>The program that loads profiles: a path, or a name that is looked for on the path and among root's programs.</summary>
    public string Parser { get; set; } = "apparmor_parser";

    /// <summary>Where the kernel says <c>Y</c> when it has AppArmor and uses it.</summary>
    public string EnabledFile { get; set; } = "/sys/module/apparmor/parameters/enabled";

    /// <summary>How long the parser may take.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
