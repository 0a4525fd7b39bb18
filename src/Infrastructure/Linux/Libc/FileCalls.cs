using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary><c>open</c>, <c>read</c> and <c>fcntl</c>. A refusal is a <see cref="Win32Exception"/>.</summary>
internal static unsafe partial class FileCalls
{
    public const int ReadWrite = 0x2;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int PathOnly = 0x200000;
    public const int ErrorInterrupted = 4;

    /// <summary><c>F_SETFD</c>, and its only flag.</summary>
    private const int SetDescriptorFlags = 2;
    private const int CloseOnExecFlag = 1;

    /// <summary>Another number on arm64.</summary>
    public static readonly int NoFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    /// <remarks>Not <see cref="File.OpenHandle"/>, which locks what it opens: /dev/uinput is opened once for every device.</remarks>
    public static SafeFileHandle Open(string path, int flags) =>
        new((int)SystemCall.Check(OpenDescriptor(path, flags | CloseOnExec)), ownsHandle: true);

    /// <remarks>Not <see cref="RandomAccess"/>, which asks for a position that not every kind of file has.</remarks>
    /// <returns>How many bytes were read.</returns>
    public static int Read(SafeFileHandle file, Span<byte> buffer)
    {
        fixed (byte* memory = buffer)
        {
            while (true)
            {
                var count = ReadBytes(file, memory, (nuint)buffer.Length);
                if (count >= 0 || Marshal.GetLastPInvokeError() != ErrorInterrupted)
                {
                    return (int)SystemCall.Check(count);
                }
            }
        }
    }

    /// <summary>Programs that this process starts do not inherit the descriptor.</summary>
    public static void SetCloseOnExec(int descriptor) => SystemCall.Check(Control(descriptor, SetDescriptorFlags, CloseOnExecFlag));

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenDescriptor(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadBytes(SafeFileHandle file, byte* buffer, nuint length);
}
