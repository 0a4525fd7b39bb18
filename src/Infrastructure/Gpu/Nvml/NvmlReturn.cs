namespace HostService.Infrastructure.Gpu.Nvml;

/// <summary>The values of <c>nvmlReturn_t</c> that need a decision; all others are plain errors.</summary>
internal enum NvmlReturn
{
    Success = 0,
    NotSupported = 3,
    NoPermission = 4,
    Timeout = 10,
    LibraryNotFound = 12,
    FunctionNotFound = 13,
    GpuIsLost = 15,
    NoData = 21,
    ArgumentVersionMismatch = 25,
    Deprecated = 26,
    NotReady = 27,
    GpuNotFound = 28,
}

internal static class NvmlReturns
{
    extension(NvmlReturn result)
    {
        /// <summary>The GPU, the driver or the library does not have the figure: null, not a fault.</summary>
        public bool IsNotSupported => result is NvmlReturn.NotSupported or NvmlReturn.FunctionNotFound or NvmlReturn.NoPermission
            or NvmlReturn.NoData or NvmlReturn.ArgumentVersionMismatch or NvmlReturn.Deprecated or NvmlReturn.NotReady;

        public bool IsLost => result is NvmlReturn.GpuIsLost or NvmlReturn.GpuNotFound;
    }
}
