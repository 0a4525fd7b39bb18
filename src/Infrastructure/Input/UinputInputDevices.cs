using System.ComponentModel;

namespace HostService.Infrastructure.Input;

/// <summary>Virtual devices by the kernel's uinput.</summary>
internal sealed class UinputInputDevices(
    IUinputKernel kernel, IOptions<InputOptions> options, TimeProvider timeProvider, ILogger<UinputInputDevices> logger) : IInputDevices
{
    private readonly InputOptions _options = options.Value;

    public string? Unavailable
    {
        get
        {
            if (!Path.Exists(_options.DevicePath))
            {
                return $"the kernel has no uinput: {_options.DevicePath} does not exist (try: modprobe uinput)";
            }

            try
            {
                kernel.Open(_options.DevicePath).Dispose();
                return null;
            }
            catch (Win32Exception e)
            {
                return $"{_options.DevicePath} cannot be opened: {e.Message}";
            }
        }
    }

    public async Task<IInputDeviceSet> CreateAsync(string socketPath, CancellationToken cancellationToken)
    {
        // Off the caller's thread: the kernel takes milliseconds for each device.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var devices = new List<UinputDevice>();
        try
        {
            var nodes = new List<string>();
            foreach (var description in VirtualDevice.All)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var device = UinputDevice.Create(kernel, _options.DevicePath, description);
                devices.Add(device);
                nodes.Add(await new DeviceNodes(_options, timeProvider).FindAsync(device.Sysname, cancellationToken).ConfigureAwait(false));
            }

            var socket = new DescriptorSocket(socketPath, [.. devices.Select(d => d.File)], timeProvider, logger);
            return new InputDeviceSet(nodes, devices, socket);
        }
        catch (Exception e)
        {
            // All or none.
            var failures = Remove(devices);
            if (failures.Count > 0)
            {
                throw new InputDeviceException($"{e.Message}; {string.Join("; ", failures)}", e);
            }

            throw;
        }
    }

    private static List<string> Remove(List<UinputDevice> devices) =>
        [.. Enumerable.Reverse(devices).Select(d => d.Remove()).OfType<string>()];

    private sealed class InputDeviceSet(IReadOnlyList<string> nodes, List<UinputDevice> devices, DescriptorSocket socket) : IInputDeviceSet
    {
        private readonly Lock _gate = new();
        private Task? _removal;

        public IReadOnlyList<string> DeviceNodes => nodes;

        public async ValueTask DisposeAsync()
        {
            Task removal;
            lock (_gate)
            {
                // A removal that failed is repeated, so that its failure is not reported again for ever.
                removal = _removal = _removal is { IsFaulted: false } begun ? begun : Task.Run(RemoveAsync);
            }

            await removal;
        }

        private async Task RemoveAsync()
        {
            List<string> failures;
            try
            {
                await socket.DisposeAsync();
            }
            finally
            {
                failures = Remove(devices);
            }

            if (failures.Count > 0)
            {
                throw new InputDeviceException(string.Join("; ", failures));
            }
        }
    }
}
