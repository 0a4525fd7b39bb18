namespace HostService.Infrastructure.Input;

/// <summary>Section <c>Input</c>: where the kernel's virtual input devices are found.</summary>
public sealed class InputOptions
{
    public const string Section = "Input";

    /// <summary>The kernel's uinput device.</summary>
    public string DevicePath { get; set; } = "/dev/uinput";

    /// <summary>Where the kernel lists virtual input devices.</summary>
    public string SysRoot { get; set; } = "/sys/devices/virtual/input";

    /// <summary>Where the nodes of input devices appear; mandelboxes are given them at the same path.</summary>
    public string NodeRoot { get; set; } = "/dev/input";

    /// <summary>How long a node may take to appear. The kernel makes it at once where /dev is a devtmpfs.</summary>
    public TimeSpan NodeTimeout { get; set; } = TimeSpan.FromSeconds(2);
}
