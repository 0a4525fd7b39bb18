using System.Globalization;
using HostService.Infrastructure.Gpu.Nvml;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// Reads GPUs through NVML. The library is loaded and opened by the first reading that finds it, so that a driver that is installed or loaded later is seen.
/// Readings are taken one at a time.
/// </summary>
/// <param name="libraryPath">As <see cref="GpuOptions.NvmlLibrary"/>.</param>
/// <param name="reopenAfter">As <see cref="GpuOptions.ReopenAfter"/>.</param>
public sealed class NvmlGpuInventory(string libraryPath, TimeSpan reopenAfter, TimeProvider timeProvider) : IGpuInventory
{
    // More events than a machine can have between two readings: a driver that never says "no more" must not hold a reading up for ever.
    private const int MostEvents = 4096;

    private readonly Lock _gate = new();
    private readonly HashSet<nint> _watched = [];
    private NvmlLibrary? _library;
    private bool _open;
    private nint _events;
    private int _mostGpus;
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

    /// <summary>Closes NVML; does not wait for a reading that hangs in the driver: that one closes it when it ends.</summary>
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
        if (_library is null && !NvmlLibrary.TryLoad(libraryPath, out _library, out var why))
        {
            return new GpuReading(GpuAvailability.NoLibrary, why, null, []);
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
        var gpus = devices.Select(d => Describe(library, d) with { Xids = [.. xids.Where(x => x.Device == d.Handle && d.Handle != 0).Select(x => x.Xid)] }).ToList();
        _mostGpus = Math.Max(_mostGpus, gpus.Count);
        _incomplete = gpus.Count < _mostGpus || gpus.Exists(g => g.Fault is not null);
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

            // Not every GPU reports XIDs; one that does not is asked again at the next opening only.
            if (result == NvmlReturn.Success && _events != 0 && _watched.Add(handle))
            {
                library.RegisterXidEvents(handle, _events);
            }
        }

        return devices;
    }

    private void Drain(NvmlLibrary library, List<(nint Device, int Xid)> xids)
    {
        for (var i = 0; _events != 0 && i < MostEvents; i++)
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
            var result = library.MemoryV2(handle, out var apart);
            if (result == NvmlReturn.Success)
            {
                return g with { TotalMemoryBytes = (long)apart.Total, UsedMemoryBytes = (long)apart.Used, FreeMemoryBytes = (long)apart.Free };
            }

            if (result.IsNotSupported)
            {
                result = library.Memory(handle, out var memory);
                if (result == NvmlReturn.Success)
                {
                    return g with { TotalMemoryBytes = (long)memory.Total, UsedMemoryBytes = (long)memory.Used, FreeMemoryBytes = (long)memory.Free };
                }
            }

            Has(result, "memory");
            return g;
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

    // A library that refuses to close is opened again all the same: what it held is the driver's to clean up, when the process ends at the latest.
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
