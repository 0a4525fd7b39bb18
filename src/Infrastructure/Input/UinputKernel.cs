using System.ComponentModel;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>The calls to the kernel's uinput, exactly as the kernel gets them. Failures are <see cref="Win32Exception"/>.</summary>
internal interface IUinputKernel
{
    SafeFileHandle Open(string path);

    /// <summary>An ioctl with a number as argument.</summary>
    void Control(SafeFileHandle file, uint request, int argument);

    /// <summary>An ioctl with memory that the kernel reads or writes.</summary>
    void Control(SafeFileHandle file, uint request, Span<byte> argument);
}

internal sealed class UinputKernel : IUinputKernel
{
    // Non-blocking: the mandelbox's program shares this open file and must never hang in a write.
    public SafeFileHandle Open(string path) => FileCalls.Open(path, FileCalls.ReadWrite | FileCalls.NonBlocking);

    public void Control(SafeFileHandle file, uint request, int argument) => DeviceCalls.Control(file, request, argument);

    public void Control(SafeFileHandle file, uint request, Span<byte> argument) => DeviceCalls.Control(file, request, argument);
}
