using System.ComponentModel;
using System.Runtime.InteropServices;

namespace HostService.Machine.Files;

/// <summary>
/// Makes a directory's mounts visible in containers that have it bound already: that needs a shared mount. systemd makes the whole tree
/// shared; where it does not run, the directory is bound to itself and that mount made shared. Needs root.
/// </summary>
public static partial class SharedMount
{
    private const ulong Bind = 0x1000;
    private const ulong Shared = 0x100000;
    private const int Detach = 2;

    /// <summary>Harmless when repeated.</summary>
    /// <returns>Whether a mount had to be made, which <see cref="Release"/> takes away.</returns>
    /// <exception cref="IOException">It could not be made.</exception>
    public static bool Ensure(string directory)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        if (MountTable.Of(path).Shared)
            return false;

        if (!MountTable.IsMounted(path))
            Check(MountSystemCall(path, path, null, Bind, 0), $"bind {path} to itself");
        Check(MountSystemCall(null, path, null, Shared, 0), $"make {path} a shared mount");
        return true;
    }

    /// <summary>Takes away what <see cref="Ensure"/> made; nothing where it made nothing.</summary>
    public static void Release(string directory)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        if (MountTable.IsMounted(path))
            Check(UnmountSystemCall(path, Detach), $"unmount {path}");
    }

    private static void Check(int result, string attempt)
    {
        if (result != 0)
            throw new IOException($"Could not {attempt}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountSystemCall(string? source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountSystemCall(string target, int flags);
}
