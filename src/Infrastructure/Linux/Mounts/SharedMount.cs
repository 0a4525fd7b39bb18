using System.ComponentModel;

namespace HostService.Infrastructure.Linux.Mounts;

/// <summary>
/// Makes a directory's mounts visible in containers that have it bound already: that needs a shared mount. systemd makes the whole tree
/// shared; where it does not run, the directory is bound to itself and that mount made shared. Needs root.
/// </summary>
public static class SharedMount
{
    /// <summary>Whether <see cref="Ensure"/> would have to make a mount.</summary>
    public static bool WantsBind(string directory)
    {
        var path = Plain(directory);
        return !MountTable.Of(path).Shared && !MountTable.IsMounted(path);
    }

    /// <summary>Harmless when repeated.</summary>
    /// <returns>Whether a mount was made, which <see cref="Release"/> takes away; one that was there already, somebody else's, is only made shared.</returns>
    /// <exception cref="IOException">It could not be made.</exception>
    public static bool Ensure(string directory)
    {
        var path = Plain(directory);
        if (MountTable.Of(path).Shared)
            return false;

        var bind = !MountTable.IsMounted(path);
        if (bind)
            Attempt(() => MountSystemCalls.Mount(path, path, MountSystemCalls.Bind), $"bind {path} to itself");
        Attempt(() => MountSystemCalls.Mount(null, path, MountSystemCalls.Shared), $"make {path} a shared mount");
        return bind;
    }

    /// <summary>Takes away what <see cref="Ensure"/> made; to be called only where it has made something. Nothing where nothing is mounted any more.</summary>
    public static void Release(string directory)
    {
        var path = Plain(directory);
        if (MountTable.IsMounted(path))
            Attempt(() => MountSystemCalls.Unmount(path, MountSystemCalls.Detach | MountSystemCalls.NoFollow), $"unmount {path}");
    }

    private static string Plain(string directory) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));

    private static void Attempt(Action call, string attempt)
    {
        try
        {
            call();
        }
        catch (Win32Exception e)
        {
            throw new IOException($"Could not {attempt}: {e.Message}", e);
        }
    }
}
