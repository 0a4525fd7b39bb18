using System.ComponentModel;
using HostService.Infrastructure.Linux.Systemd;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>Virtual devices by the kernel's uinput.</summary>
internal sealed class UinputInputDevices(
    IUinputKernel kernel,
    IDescriptorStore store,
    IOptions<InputOptions> options,
    TimeProvider timeProvider,
    ILogger<UinputInputDevices> logger) : IInputDevices
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

    public async Task<IInputDeviceSet> CreateAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken)
    {
        var set = await OfferAsync(
            mandelboxId,
            socketPath,
            VirtualDevice.All.Select(description => UinputDevice.Create(kernel, _options.DevicePath, description)),
            cancellationToken);
        foreach (var (index, device) in set.Devices.Index())
        {
            store.Store(NameOf(mandelboxId, index), device.File);
        }

        return set;
    }

    public async Task<IInputDeviceSet?> TakeOverAsync(string mandelboxId, string socketPath, CancellationToken cancellationToken)
    {
        var files = VirtualDevice.All.Index()
            .Select(each => store.Take(NameOf(mandelboxId, each.Index)))
            .OfType<SafeFileHandle>()
            .ToList();
        var isTaken = false;
        try
        {
            if (files.Count < VirtualDevice.All.Count)
            {
                return null;
            }

            var devices = files.Zip(VirtualDevice.All, (file, description) => UinputDevice.TakeOver(kernel, description, file));
            var set = await OfferAsync(mandelboxId, socketPath, devices, cancellationToken);
            isTaken = true;
            return set;
        }
        finally
        {
            if (!isTaken)
            {
                files.ForEach(file => file.Dispose());
                Forget(mandelboxId);
            }
        }
    }

    /// <summary>In systemd's store of files.</summary>
    private static string NameOf(string mandelboxId, int index) => $"{mandelboxId}.{index}";

    /// <summary>Offers devices on the socket: all or none.</summary>
    /// <param name="devices">Made one after the other.</param>
    private async Task<InputDeviceSet> OfferAsync(
        string mandelboxId, string socketPath, IEnumerable<UinputDevice> devices, CancellationToken cancellationToken)
    {
        // Off the caller's thread: the kernel takes milliseconds for each device.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var made = new List<UinputDevice>();
        try
        {
            var nodes = new List<string>();
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var device in devices)
            {
                made.Add(device);
                nodes.Add(await new DeviceNodes(_options, timeProvider).FindAsync(device.Sysname, cancellationToken).ConfigureAwait(false));
                cancellationToken.ThrowIfCancellationRequested();
            }

            var socket = new DescriptorSocket(socketPath, [.. made.Select(d => d.File)], timeProvider, logger);
            return new InputDeviceSet(nodes, made, socket, () => Forget(mandelboxId));
        }
        catch (Exception e)
        {
            var failures = Remove(made);
            if (failures.Count > 0)
            {
                throw new InputDeviceException($"{e.Message}; {string.Join("; ", failures)}", e);
            }

            throw;
        }
    }

    private void Forget(string mandelboxId)
    {
        for (var index = 0; index < VirtualDevice.All.Count; index++)
        {
            store.Remove(NameOf(mandelboxId, index));
        }
    }

    private static List<string> Remove(List<UinputDevice> devices) =>
        [.. Enumerable.Reverse(devices).Select(d => d.Remove()).OfType<string>()];

    private sealed class InputDeviceSet(
        IReadOnlyList<string> nodes, List<UinputDevice> devices, DescriptorSocket socket, Action forget) : IInputDeviceSet
    {
        private readonly Lock _gate = new();
        private Task? _removal;

        public IReadOnlyList<string> DeviceNodes => nodes;

        public IReadOnlyList<UinputDevice> Devices => devices;

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
                forget();
            }

            if (failures.Count > 0)
            {
                throw new InputDeviceException(string.Join("; ", failures));
            }
        }
    }
}
