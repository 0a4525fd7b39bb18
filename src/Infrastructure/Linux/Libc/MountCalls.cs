using System.ComponentModel;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary><c>mount</c> and <c>umount2</c>. A refusal is a <see cref="Win32Exception"/>.</summary>
internal static partial class MountCalls
{
    public const ulong Bind = 0x1000;
    public const ulong Shared = 0x100000;
    public const int Detach = 2;
    public const int NoFollow = 8;

    public static void Mount(string? source, string target, ulong flags) => SystemCall.Check(MountCall(source, target, null, flags, 0));

    public static void Unmount(string target, int flags) => SystemCall.Check(UnmountCall(target, flags));

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountCall(string? source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountCall(string target, int flags);
}
