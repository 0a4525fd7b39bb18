using HostService.GrainInterfaces;

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

    public IEnumerable<string> Validate()
    {
        foreach (var (key, path, usual) in new[]
        {
            (nameof(DevicePath), DevicePath, "/dev/uinput"),
            (nameof(SysRoot), SysRoot, "/sys/devices/virtual/input"),
            (nameof(NodeRoot), NodeRoot, "/dev/input"),
        })
        {
            if (!Path.IsPathRooted(path))
            {
                yield return $"Input:{key} is '{path}'; it must be an absolute path, usually {usual}";
            }
        }

        if (NodeTimeout <= TimeSpan.Zero)
        {
            yield return $"Input:NodeTimeout is {NodeTimeout}; it must be more than zero, for example 00:00:02";
        }
    }
}
