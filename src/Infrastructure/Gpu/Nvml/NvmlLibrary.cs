using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Gpu.Nvml;

/// <summary>
/// NVML's C functions, one to one. The path is known only at run time, and old drivers lack some functions, so symbols are looked up after
/// loading; a missing one returns <see cref="NvmlReturn.FunctionNotFound"/>.
/// </summary>
internal sealed unsafe class NvmlLibrary : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int NameSize = 96;
    private const uint MemoryVersion2 = 40 | (2u << 24);

    private readonly delegate* unmanaged<int> _init;
    private readonly delegate* unmanaged<int> _shutdown;
    private readonly delegate* unmanaged<int, byte*> _errorString;
    private readonly delegate* unmanaged<byte*, uint, int> _driverVersion;
    private readonly delegate* unmanaged<ref uint, int> _deviceCount;
    private readonly delegate* unmanaged<uint, ref nint, int> _handleByIndex;
    private readonly delegate* unmanaged<nint, byte*, uint, int> _name;
    private readonly delegate* unmanaged<nint, byte*, uint, int> _uuid;
    private readonly delegate* unmanaged<nint, ref NvmlMemory, int> _memory;
    private readonly delegate* unmanaged<nint, ref NvmlMemoryV2, int> _memoryV2;
    private readonly delegate* unmanaged<nint, ref NvmlUtilization, int> _utilization;
    private readonly delegate* unmanaged<nint, ref uint, ref uint, ref uint, int> _encoderStats;
    private readonly delegate* unmanaged<ref nint, int> _eventSetCreate;
    private readonly delegate* unmanaged<nint, int> _eventSetFree;
    private readonly delegate* unmanaged<nint, ulong, nint, int> _registerEvents;
    private readonly delegate* unmanaged<nint, ref NvmlEventData, uint, int> _eventSetWait;

    private NvmlLibrary(nint library)
        : base(ownsHandle: true)
    {
        SetHandle(library);
        _init = (delegate* unmanaged<int>)Symbol("nvmlInit_v2");
        _shutdown = (delegate* unmanaged<int>)Symbol("nvmlShutdown");
        _errorString = (delegate* unmanaged<int, byte*>)Symbol("nvmlErrorString");
        _driverVersion = (delegate* unmanaged<byte*, uint, int>)Symbol("nvmlSystemGetDriverVersion");
        _deviceCount = (delegate* unmanaged<ref uint, int>)Symbol("nvmlDeviceGetCount_v2");
        _handleByIndex = (delegate* unmanaged<uint, ref nint, int>)Symbol("nvmlDeviceGetHandleByIndex_v2");
        _name = (delegate* unmanaged<nint, byte*, uint, int>)Symbol("nvmlDeviceGetName");
        _uuid = (delegate* unmanaged<nint, byte*, uint, int>)Symbol("nvmlDeviceGetUUID");
        _memory = (delegate* unmanaged<nint, ref NvmlMemory, int>)Symbol("nvmlDeviceGetMemoryInfo");
        _memoryV2 = (delegate* unmanaged<nint, ref NvmlMemoryV2, int>)Symbol("nvmlDeviceGetMemoryInfo_v2");
        _utilization = (delegate* unmanaged<nint, ref NvmlUtilization, int>)Symbol("nvmlDeviceGetUtilizationRates");
        _encoderStats = (delegate* unmanaged<nint, ref uint, ref uint, ref uint, int>)Symbol("nvmlDeviceGetEncoderStats");
        _eventSetCreate = (delegate* unmanaged<ref nint, int>)Symbol("nvmlEventSetCreate");
        _eventSetFree = (delegate* unmanaged<nint, int>)Symbol("nvmlEventSetFree");
        _registerEvents = (delegate* unmanaged<nint, ulong, nint, int>)Symbol("nvmlDeviceRegisterEvents");

        // The older function fills the first part of the same structure.
        _eventSetWait = (delegate* unmanaged<nint, ref NvmlEventData, uint, int>)Symbol("nvmlEventSetWait_v2", "nvmlEventSetWait");
    }

    /// <summary>Loads the library; false, with the reason, when it is missing or is not NVML.</summary>
    public static bool TryLoad(string path, [NotNullWhen(true)] out NvmlLibrary? library, [NotNullWhen(false)] out string? reason)
    {
        library = null;
        try
        {
            var loaded = new NvmlLibrary(NativeLibrary.Load(path));
            if (loaded._init is null || loaded._deviceCount is null || loaded._handleByIndex is null)
            {
                loaded.Dispose();
                reason = $"{path} is not NVML: it lacks nvmlInit_v2, nvmlDeviceGetCount_v2 or nvmlDeviceGetHandleByIndex_v2";
                return false;
            }

            library = loaded;
            reason = null;
            return true;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            reason = e.Message.ReplaceLineEndings(" ").Trim();
            return false;
        }
    }

    public NvmlReturn Init() => (NvmlReturn)_init();

    public NvmlReturn Shutdown() => _shutdown is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_shutdown();

    /// <summary>NVML's text for a result.</summary>
    public string Describe(NvmlReturn result)
    {
        var text = _errorString is null ? null : Marshal.PtrToStringUTF8((nint)_errorString((int)result));
        return string.IsNullOrEmpty(text) ? $"NVML error {(int)result}" : $"{text} (NVML error {(int)result})";
    }

    public NvmlReturn DriverVersion(out string? version)
    {
        var text = stackalloc byte[NameSize];
        return Text(_driverVersion is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_driverVersion(text, NameSize), text, out version);
    }

    public NvmlReturn DeviceCount(out uint count)
    {
        count = 0;
        return (NvmlReturn)_deviceCount(ref count);
    }

    public NvmlReturn DeviceByIndex(uint index, out nint device)
    {
        device = 0;
        return (NvmlReturn)_handleByIndex(index, ref device);
    }

    public NvmlReturn Name(nint device, out string? name)
    {
        var text = stackalloc byte[NameSize];
        return Text(_name is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_name(device, text, NameSize), text, out name);
    }

    public NvmlReturn Uuid(nint device, out string? uuid)
    {
        var text = stackalloc byte[NameSize];
        return Text(_uuid is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_uuid(device, text, NameSize), text, out uuid);
    }

    public NvmlReturn Memory(nint device, out NvmlMemory memory)
    {
        memory = default;
        return _memory is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_memory(device, ref memory);
    }

    public NvmlReturn MemoryV2(nint device, out NvmlMemoryV2 memory)
    {
        memory = new NvmlMemoryV2 { Version = MemoryVersion2 };
        return _memoryV2 is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_memoryV2(device, ref memory);
    }

    public NvmlReturn Utilization(nint device, out NvmlUtilization utilization)
    {
        utilization = default;
        return _utilization is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_utilization(device, ref utilization);
    }

    public NvmlReturn EncoderSessions(nint device, out uint sessions)
    {
        uint framesPerSecond = 0, latency = 0;
        sessions = 0;
        return _encoderStats is null
            ? NvmlReturn.FunctionNotFound
            : (NvmlReturn)_encoderStats(device, ref sessions, ref framesPerSecond, ref latency);
    }

    public NvmlReturn CreateEventSet(out nint eventSet)
    {
        eventSet = 0;
        return _eventSetCreate is null || _eventSetWait is null || _registerEvents is null
            ? NvmlReturn.FunctionNotFound
            : (NvmlReturn)_eventSetCreate(ref eventSet);
    }

    public NvmlReturn FreeEventSet(nint eventSet) =>
        _eventSetFree is null ? NvmlReturn.FunctionNotFound : (NvmlReturn)_eventSetFree(eventSet);

    public NvmlReturn RegisterXidEvents(nint device, nint eventSet) =>
        (NvmlReturn)_registerEvents(device, NvmlEventData.XidCriticalError, eventSet);

    /// <summary>The next event; <see cref="NvmlReturn.Timeout"/> when there is none. Does not wait.</summary>
    public NvmlReturn NextEvent(nint eventSet, out NvmlEventData data)
    {
        data = default;
        return (NvmlReturn)_eventSetWait(eventSet, ref data, 0);
    }

    protected override bool ReleaseHandle()
    {
        NativeLibrary.Free(handle);
        return true;
    }

    private static NvmlReturn Text(NvmlReturn result, byte* text, out string? value)
    {
        value = result == NvmlReturn.Success ? Marshal.PtrToStringUTF8((nint)text) : null;
        return result;
    }

    private void* Symbol(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryGetExport(handle, name, out var address))
            {
                return (void*)address;
            }
        }

        return null;
    }
}
