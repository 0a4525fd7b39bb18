using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary><c>ioctl</c>. A refusal is a <see cref="Win32Exception"/>.</summary>
internal static unsafe partial class DeviceCalls
{
    /// <summary>With a number as argument.</summary>
    public static void Control(SafeFileHandle file, uint request, int argument) => SystemCall.Check(Ioctl(file, request, argument));

    /// <summary>With memory that the kernel reads or writes.</summary>
    public static void Control(SafeFileHandle file, uint request, Span<byte> argument)
    {
        fixed (byte* memory = argument)
        {
            SystemCall.Check(Ioctl(file, request, (nint)memory));
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle file, nuint request, nint argument);
}
