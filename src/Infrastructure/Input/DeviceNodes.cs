using System.Threading.Channels;

namespace HostService.Infrastructure.Input;

/// <summary>Finds the node through which programs read a virtual device.</summary>
internal sealed class DeviceNodes(InputOptions options, TimeProvider timeProvider)
{
    /// <summary>
    /// <c>/dev/input/eventN</c> of the device that the kernel calls <paramref name="sysname"/>, once it is there. That is at once where the kernel's evdev
    /// is loaded and /dev is a devtmpfs; otherwise udev sees to it a moment later.
    /// </summary>
    public async Task<string> FindAsync(string sysname, CancellationToken cancellationToken)
    {
        if (sysname.Length == 0)
        {
            throw new InputDeviceException("the kernel gave a virtual device no name, so its node cannot be found");
        }

        return Look(sysname).Found ?? await WaitForAsync(sysname, cancellationToken);
    }

    private async Task<string> WaitForAsync(string sysname, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.NodeRoot);
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using var watcher = new FileSystemWatcher(options.NodeRoot, "event*");
        watcher.Created += (_, _) => changes.Writer.TryWrite(true);
        watcher.Renamed += (_, _) => changes.Writer.TryWrite(true);
        watcher.EnableRaisingEvents = true;
        using var deadline = new CancellationTokenSource(options.NodeTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            while (true)
            {
                // Looked for only after the watch began: it may have come just before.
                if (Look(sysname).Found is { } found)
                {
                    return found;
                }

                await changes.Reader.ReadAsync(either.Token);
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InputDeviceException($"{Look(sysname).Missing} after {options.NodeTimeout.TotalSeconds:0.###} s", e);
        }
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
        return Path.Exists(node) ? (node, null) : (null, $"{node} is not there (is /dev a devtmpfs, or udev running?)");
    }
}
