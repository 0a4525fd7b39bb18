namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>Section <c>AppArmor</c>.</summary>
public sealed class AppArmorOptions : IValidatedOptions
{
    public const string Section = "AppArmor";

    /// <summary>The program that loads profiles: a path, or a name that is looked for in PATH and the sbin directories.</summary>
    public string Parser { get; set; } = "apparmor_parser";

    /// <summary>Contains <c>Y</c> when AppArmor is enabled in the kernel.</summary>
    public string EnabledFile { get; set; } = "/sys/module/apparmor/parameters/enabled";

    /// <summary>Lists the loaded profiles, a line each; for root only.</summary>
    public string ProfilesFile { get; set; } = "/sys/kernel/security/apparmor/profiles";

    /// <summary>How long the parser may take.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (!string.IsNullOrWhiteSpace(Parser), "AppArmor:Parser is empty; it must name a program, usually apparmor_parser"),
        ValidatedOptions.Positive("AppArmor:LoadTimeout", LoadTimeout));
}
