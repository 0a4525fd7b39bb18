using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input.Native;

/// <summary>The seam to the kernel's uinput: what goes through it is exactly what the kernel is told. Failures are <see cref="Win32Exception"/>.</summary>
internal interface IUinputKernel
{
    SafeFileHandle Open(string path);

    /// <summary>An ioctl whose argument is a number.</summary>
    void Control(SafeFileHandle file, uint request, int argument);

    /// <summary>An ioctl whose argument is memory that the kernel reads or writes.</summary>
    void Control(SafeFileHandle file, uint request, Span<byte> argument);
}

/// <summary>The real one.</summary>
internal sealed unsafe class UinputKernel : IUinputKernel
{
    // Non-blocking, because the mandelbox's program shares this open file and must never hang in a write.
    public SafeFileHandle Open(string path) => Libc.Open(path, Libc.ReadWrite | Libc.NonBlocking);

    public void Control(SafeFileHandle file, uint request, int argument) => Check(Libc.Ioctl(file, request, argument));

    public void Control(SafeFileHandle file, uint request, Span<byte> argument)
    {
        fixed (byte* memory = argument)
        {
            Check(Libc.Ioctl(file, request, memory));
        }
    }

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }
}
