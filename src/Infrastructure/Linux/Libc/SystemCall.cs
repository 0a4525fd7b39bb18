using System.ComponentModel;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary>
/// What all imports share: a refusal becomes a <see cref="Win32Exception"/> with the C library's own text. Constants and layouts here are
/// those of 64-bit Linux. (<c>open</c> and <c>ioctl</c> take variable arguments in C; x86-64 and arm64 pass these like any other.)
/// </summary>
internal static class SystemCall
{
    public static nint Check(nint result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());
}
