using System.ComponentModel;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Linux.Mounts;

/// <summary>The kernel's calls about mounts, one to one; a refusal is a <see cref="Win32Exception"/> with the system's own words.</summary>
internal static partial class MountSystemCalls
{
    public const ulong Bind = 0x1000;
    public const ulong Shared = 0x100000;
    public const int Detach = 2;
    public const int NoFollow = 8;

    public static void Mount(string? source, string target, ulong flags) => Check(MountCall(source, target, null, flags, 0));

    public static void Unmount(string target, int flags) => Check(UnmountCall(target, flags));

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountCall(string? source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountCall(string target, int flags);
}
