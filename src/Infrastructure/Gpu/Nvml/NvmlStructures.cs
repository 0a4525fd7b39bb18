using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Gpu.Nvml;

/// <summary><c>nvmlMemory_t</c>, in bytes; <see cref="Used"/> includes what the driver reserves.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlMemory
{
    public ulong Total;
    public ulong Free;
    public ulong Used;
}

/// <summary><c>nvmlMemory_v2_t</c>, in bytes; what the driver reserves is counted separately.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlMemoryV2
{
    public uint Version;
    public ulong Total;
    public ulong Reserved;
    public ulong Free;
    public ulong Used;
}

/// <summary><c>nvmlUtilization_t</c>, percentages.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlUtilization
{
    public uint Gpu;
    public uint Memory;
}

/// <summary><c>nvmlEventData_t</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlEventData
{
    /// <summary><c>nvmlEventTypeXidCriticalError</c>.</summary>
    public const ulong XidCriticalError = 0x8;

    public nint Device;
    public ulong EventType;

    /// <summary>The XID, for an XID event.</summary>
    public ulong Data;
    public uint GpuInstanceId;
    public uint ComputeInstanceId;
}
