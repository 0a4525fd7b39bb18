using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<string, InputDeviceSet> _sets = new(StringComparer.Ordinal);

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
        Keep(set);
        return set;
    }

    public IInputDeviceSet? PassOn(string mandelboxId, string toMandelboxId, string socketPath)
    {
        if (!_sets.TryRemove(mandelboxId, out var set))
        {
            return null;
        }

        RemoveFromStore(mandelboxId);
        set.PassOn(toMandelboxId, socketPath);
        _sets[toMandelboxId] = set;
        Keep(set);
        return set;
    }

    /// <summary>In systemd's store.</summary>
    private void Keep(InputDeviceSet set)
    {
        foreach (var (index, device) in set.Devices.Index())
        {
            store.Store(NameOf(set.MandelboxId, index), device.File);
        }
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
                RemoveFromStore(mandelboxId);
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
            return _sets[mandelboxId] = new InputDeviceSet(mandelboxId, nodes, made, socket, Forget);
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

    private void Forget(InputDeviceSet set)
    {
        _sets.TryRemove(new(set.MandelboxId, set));
        RemoveFromStore(set.MandelboxId);
    }

    private void RemoveFromStore(string mandelboxId)
    {
        for (var index = 0; index < VirtualDevice.All.Count; index++)
        {
            store.Remove(NameOf(mandelboxId, index));
        }
    }

    private static List<string> Remove(List<UinputDevice> devices) =>
        [.. Enumerable.Reverse(devices).Select(d => d.Remove()).OfType<string>()];

    private sealed class InputDeviceSet(
        string mandelboxId,
        IReadOnlyList<string> nodes,
        List<UinputDevice> devices,
        DescriptorSocket socket,
        Action<InputDeviceSet> forget) : IInputDeviceSet
    {
        private readonly Lock _gate = new();
        private Task? _removal;

        public string MandelboxId { get; private set; } = mandelboxId;

        public IReadOnlyList<string> DeviceNodes => nodes;

        public IReadOnlyList<UinputDevice> Devices => devices;

        public void PassOn(string toMandelboxId, string socketPath)
        {
            MandelboxId = toMandelboxId;
            socket.FilePath = socketPath;
        }

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
                forget(this);
            }

            if (failures.Count > 0)
            {
                throw new InputDeviceException(string.Join("; ", failures));
            }
        }
    }
}
