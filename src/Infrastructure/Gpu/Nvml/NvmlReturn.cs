namespace HostService.Infrastructure.Gpu.Nvml;

/// <summary><c>nvmlReturn_t</c>; other values are errors like <see cref="Unknown"/>.</summary>
internal enum NvmlReturn
{
    Success = 0,
    Uninitialized = 1,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    NotFound = 6,
    InsufficientSize = 7,
    InsufficientPower = 8,
    DriverNotLoaded = 9,
    Timeout = 10,
    IrqIssue = 11,
    LibraryNotFound = 12,
    FunctionNotFound = 13,
    CorruptedInforom = 14,
    GpuIsLost = 15,
    ResetRequired = 16,
    OperatingSystem = 17,
    LibraryDriverMismatch = 18,
    InUse = 19,
    Memory = 20,
    NoData = 21,
    ArgumentVersionMismatch = 25,
    Deprecated = 26,
    NotReady = 27,
    GpuNotFound = 28,
    Unknown = 999,
}

internal static class NvmlReturns
{
    extension(NvmlReturn result)
    {
        /// <summary>The GPU, the driver or the library does not have the figure: null, not a fault.</summary>
        public bool IsNotSupported => result is NvmlReturn.NotSupported or NvmlReturn.FunctionNotFound or NvmlReturn.NoPermission
            or NvmlReturn.NoData or NvmlReturn.ArgumentVersionMismatch or NvmlReturn.Deprecated or NvmlReturn.NotReady;

        /// <summary>The GPU is gone.</summary>
        public bool IsLost => result is NvmlReturn.GpuIsLost or NvmlReturn.GpuNotFound;
    }
}
