using System.Globalization;
using HostService.Infrastructure.Gpu.Nvml;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Reads GPUs through NVML, one reading at a time. A reading loads the library when that has not succeeded before, so a driver that is
/// installed or loaded later is found.
/// </summary>
/// <param name="libraryPath">As <see cref="GpuOptions.NvmlLibrary"/>.</param>
/// <param name="reopenAfter">As <see cref="GpuOptions.ReopenAfter"/>.</param>
public sealed class NvmlGpuInventory(string libraryPath, TimeSpan reopenAfter, TimeProvider timeProvider) : IGpuInventory
{
    /// <summary>More events than can occur between two readings; ends the loop if the driver never reports an end.</summary>
    private const int MaxEvents = 4096;

    private readonly Lock _gate = new();
    private readonly HashSet<nint> _watched = [];
    private NvmlLibrary? _library;
    private bool _open;
    private nint _events;
    private int _maxGpus;
    private long _openedAt;
    private bool _incomplete;
    private volatile bool _disposed;

    public GpuReading Read()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                return ReadWhole();
            }
            finally
            {
                if (_disposed)
                {
                    Close();
                }
            }
        }
    }

    /// <summary>Closes NVML. A reading that hangs in the driver is not waited for; it closes NVML when it ends.</summary>
    public void Dispose()
    {
        _disposed = true;
        if (_gate.TryEnter())
        {
            try
            {
                Close();
            }
            finally
            {
                _gate.Exit();
            }
        }
    }

    private GpuReading ReadWhole()
    {
        if (_library is null && !NvmlLibrary.TryLoad(libraryPath, out _library, out var reason))
        {
            return new GpuReading(GpuAvailability.NoLibrary, reason, null, []);
        }

        var library = _library!;
        var xids = new List<(nint Device, int Xid)>();
        if (_open && _incomplete && timeProvider.GetElapsedTime(_openedAt) >= reopenAfter)
        {
            Drain(library, xids);
            ShutDown(library);
        }

        var result = Open(library);
        if (result != NvmlReturn.Success)
        {
            var availability = result == NvmlReturn.LibraryNotFound ? GpuAvailability.NoLibrary : GpuAvailability.NoDriver;
            return new GpuReading(availability, library.Describe(result), null, []);
        }

        result = library.DeviceCount(out var count);
        if (result != NvmlReturn.Success)
        {
            ShutDown(library);
            return new GpuReading(GpuAvailability.NoDriver, library.Describe(result), null, []);
        }

        library.DriverVersion(out var driver);
        var devices = Devices(library, (int)count);
        Drain(library, xids);
        var gpus = devices.Select(d => Describe(library, d) with
        {
            Xids = [.. xids.Where(x => d.Handle != 0 && d.Handle == x.Device).Select(x => x.Xid)],
        }).ToList();
        _maxGpus = Math.Max(_maxGpus, gpus.Count);
        _incomplete = gpus.Count < _maxGpus || gpus.Exists(g => g.Fault is not null);
        return new GpuReading(GpuAvailability.Available, null, driver, gpus);
    }

    private NvmlReturn Open(NvmlLibrary library)
    {
        if (_open)
        {
            return NvmlReturn.Success;
        }

        var result = library.Init();
        if (result == NvmlReturn.Success)
        {
            _open = true;
            _openedAt = timeProvider.GetTimestamp();
            if (library.CreateEventSet(out _events) != NvmlReturn.Success)
            {
                _events = 0;
            }
        }

        return result;
    }

    private List<Device> Devices(NvmlLibrary library, int count)
    {
        var devices = new List<Device>(count);
        for (var index = 0; index < count; index++)
        {
            var result = library.DeviceByIndex((uint)index, out var handle);
            devices.Add(new Device(index, result == NvmlReturn.Success ? handle : 0, result));

            // Not every GPU reports XIDs; a refusal is final until NVML is reopened.
            if (result == NvmlReturn.Success && _events != 0 && _watched.Add(handle))
            {
                library.RegisterXidEvents(handle, _events);
            }
        }

        return devices;
    }

    private void Drain(NvmlLibrary library, List<(nint Device, int Xid)> xids)
    {
        for (var i = 0; _events != 0 && i < MaxEvents; i++)
        {
            if (library.NextEvent(_events, out var data) != NvmlReturn.Success)
            {
                return;
            }

            if (data.EventType == NvmlEventData.XidCriticalError)
            {
                xids.Add((data.Device, (int)Math.Min(data.Data, int.MaxValue)));
            }
        }
    }

    private static GpuInfo Describe(NvmlLibrary library, Device device)
    {
        var gpu = new GpuInfo { Index = device.Index };
        if (device.Found != NvmlReturn.Success)
        {
            return Faulty(gpu, "handle", device.Found);
        }

        var handle = device.Handle;
        NvmlReturn failed = NvmlReturn.Success;
        string? failedFigure = null;
        if (Has(library.Name(handle, out var name), "name"))
        {
            gpu = gpu with { Name = name };
        }

        if (Has(library.Uuid(handle, out var uuid), "UUID"))
        {
            gpu = gpu with { Uuid = uuid };
        }

        gpu = WithMemory(gpu);
        if (Has(library.Utilization(handle, out var utilization), "utilisation"))
        {
            gpu = gpu with { UtilisationPercent = (int)utilization.Gpu, MemoryUtilisationPercent = (int)utilization.Memory };
        }

        if (Has(library.EncoderSessions(handle, out var sessions), "encoder sessions"))
        {
            gpu = gpu with { EncoderSessions = (int)sessions };
        }

        return failedFigure is null ? gpu : Faulty(gpu, failedFigure, failed);

        GpuInfo WithMemory(GpuInfo g)
        {
            var result = library.MemoryV2(handle, out var v2);
            var (total, used, free) = (v2.Total, v2.Used, v2.Free);
            if (result.IsNotSupported)
            {
                result = library.Memory(handle, out var v1);
                (total, used, free) = (v1.Total, v1.Used, v1.Free);
            }

            return Has(result, "memory")
                ? g with { TotalMemoryBytes = (long)total, UsedMemoryBytes = (long)used, FreeMemoryBytes = (long)free }
                : g;
        }

        bool Has(NvmlReturn result, string figure)
        {
            if (result != NvmlReturn.Success && !result.IsNotSupported && failedFigure is null)
            {
                failed = result;
                failedFigure = figure;
            }

            return result == NvmlReturn.Success;
        }

        GpuInfo Faulty(GpuInfo g, string figure, NvmlReturn result) =>
            g with { Fault = string.Create(CultureInfo.InvariantCulture, $"{figure}: {library.Describe(result)}"), Lost = result.IsLost };
    }

    private void Close()
    {
        if (_library is { } library)
        {
            ShutDown(library);
            library.Dispose();
            _library = null;
        }
    }

    // Errors are ignored: the driver frees everything when the process ends.
    private void ShutDown(NvmlLibrary library)
    {
        if (_open)
        {
            if (_events != 0)
            {
                library.FreeEventSet(_events);
                _events = 0;
            }

            library.Shutdown();
        }

        _watched.Clear();
        _open = false;
        _incomplete = false;
    }

    private sealed record Device(int Index, nint Handle, NvmlReturn Found);
}
