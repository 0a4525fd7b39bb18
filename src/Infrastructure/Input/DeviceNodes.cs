using HostService.Infrastructure.Files;

namespace HostService.Infrastructure.Input;

/// <summary>Finds the node through which programs read a virtual device.</summary>
internal sealed class DeviceNodes(InputOptions options, TimeProvider timeProvider)
{
    /// <summary>
    /// Waits for <c>/dev/input/eventN</c> of the device <paramref name="sysname"/>. It is there at once where the kernel's evdev is loaded
    /// and /dev is a devtmpfs; otherwise udev creates it a moment later.
    /// </summary>
    public async Task<string> FindAsync(string sysname, CancellationToken cancellationToken)
    {
        if (sysname.Length == 0)
        {
            throw new InputDeviceException("the kernel gave a virtual device no name, so its node cannot be found");
        }

        try
        {
            Directory.CreateDirectory(options.NodeRoot);
            if (Look(sysname).Found is null)
            {
                await DirectoryWatch.WaitAsync(
                    options.NodeRoot, () => Look(sysname).Found is not null, options.NodeTimeout, timeProvider, cancellationToken);
            }
        }
        catch (IOException exception)
        {
            throw new InputDeviceException($"the node of {sysname} cannot be waited for: {exception.Message}", exception);
        }

        var (found, missing) = Look(sysname);
        return found ?? throw new InputDeviceException($"{missing} after {options.NodeTimeout.TotalSeconds:0.###} s");
    }

    private (string? Found, string? Missing) Look(string sysname)
    {
        var directory = Path.Combine(options.SysRoot, sysname);
        var handler = Directory.Exists(directory) ? Directory.EnumerateDirectories(directory, "event*").FirstOrDefault() : null;
        if (handler is null)
        {
            return (null, $"{directory} has no event device (is the kernel's module evdev loaded?)");
        }

        var node = Path.Combine(options.NodeRoot, Path.GetFileName(handler));
        return Path.Exists(node) ? (node, null) : (null, $"{node} does not exist (is /dev a devtmpfs, or udev running?)");
    }
}
