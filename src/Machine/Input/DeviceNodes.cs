namespace HostService.Machine.Input;

/// <summary>Finds the node through which programs read a virtual device.</summary>
internal sealed class DeviceNodes(InputOptions options, TimeProvider clock)
{
    /// <summary><c>/dev/input/eventN</c> of the device that the kernel calls <paramref name="sysname"/>, once it is there.</summary>
    public async Task<string> FindAsync(string sysname, CancellationToken cancellationToken)
    {
        var directory = Path.Combine(options.SysRoot, sysname);
        var handler = Directory.Exists(directory) ? Directory.EnumerateDirectories(directory, "event*").FirstOrDefault() : null;
        if (sysname.Length == 0 || handler is null)
        {
            throw new InputDeviceException($"{directory} has no event device: is the kernel's module evdev loaded?");
        }

        var node = Path.Combine(options.NodeRoot, Path.GetFileName(handler));
        if (!Path.Exists(node))
        {
            await WaitForAsync(node, cancellationToken);
        }

        return node;
    }

    private async Task WaitForAsync(string node, CancellationToken cancellationToken)
    {
        var appeared = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Directory.CreateDirectory(options.NodeRoot);
        using var watcher = new FileSystemWatcher(options.NodeRoot, Path.GetFileName(node));
        watcher.Created += (_, _) => appeared.TrySetResult();
        watcher.Renamed += (_, _) => appeared.TrySetResult();
        watcher.EnableRaisingEvents = true;

        // It may have come before the watch began.
        if (Path.Exists(node))
        {
            return;
        }

        try
        {
            await appeared.Task.WaitAsync(options.NodeDeadline, clock, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new InputDeviceException($"{node} did not appear within {options.NodeDeadline.TotalSeconds:0.###} s: is /dev a devtmpfs, or is udev running?", e);
        }
    }
}
