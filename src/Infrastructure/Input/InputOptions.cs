namespace HostService.Infrastructure.Input;

/// <summary>Section <c>Input</c>: the paths of the kernel's virtual input devices.</summary>
public sealed class InputOptions : IValidatedOptions
{
    public const string Section = "Input";

    /// <summary>The kernel's uinput device.</summary>
    public string DevicePath { get; set; } = "/dev/uinput";

    /// <summary>Where the kernel lists virtual input devices.</summary>
    public string SysRoot { get; set; } = "/sys/devices/virtual/input";

    /// <summary>Where the nodes of input devices appear; mandelboxes get them at the same path.</summary>
    public string NodeRoot { get; set; } = "/dev/input";

    /// <summary>How long a node may take to appear. The kernel makes it at once where /dev is a devtmpfs.</summary>
    public TimeSpan NodeTimeout { get; set; } = TimeSpan.FromSeconds(2);

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (Path.IsPathRooted(DevicePath), $"Input:DevicePath is '{DevicePath}'; it must be an absolute path, usually /dev/uinput"),
        (Path.IsPathRooted(SysRoot), $"Input:SysRoot is '{SysRoot}'; it must be an absolute path, usually /sys/devices/virtual/input"),
        (Path.IsPathRooted(NodeRoot), $"Input:NodeRoot is '{NodeRoot}'; it must be an absolute path, usually /dev/input"),
        ValidatedOptions.Positive("Input:NodeTimeout", NodeTimeout));
}
