using System.ComponentModel;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Linux.Mounts;

/// <summary>
/// Makes later mounts below a directory visible in containers that already have it bound. systemd makes the whole tree shared; where it
/// does not run, the directory is bound to itself and that mount is made shared. Needs root.
/// </summary>
public static class SharedMount
{
    /// <summary>Whether <see cref="Ensure"/> would have to make a mount.</summary>
    public static bool WantsBind(string directory)
    {
        var path = Normalize(directory);
        return !MountTable.Of(path).Shared && !MountTable.IsMounted(path);
    }

    /// <summary>May be repeated. An existing mount is not replaced, only made shared.</summary>
    /// <returns>Whether a mount was made, to be undone by <see cref="Release"/>.</returns>
    /// <exception cref="IOException">It failed.</exception>
    public static bool Ensure(string directory)
    {
        var path = Normalize(directory);
        if (MountTable.Of(path).Shared)
        {
            return false;
        }

        var bind = !MountTable.IsMounted(path);
        if (bind)
        {
            Attempt(() => MountCalls.Mount(path, path, MountCalls.Bind), $"bind {path} to itself");
        }

        Attempt(() => MountCalls.Mount(null, path, MountCalls.Shared), $"make {path} a shared mount");
        return bind;
    }

    /// <summary>Removes the mount that <see cref="Ensure"/> made; only where it made one. A missing one is no error.</summary>
    public static void Release(string directory)
    {
        var path = Normalize(directory);
        if (MountTable.IsMounted(path))
        {
            Attempt(() => MountCalls.Unmount(path, MountCalls.Detach | MountCalls.NoFollow), $"unmount {path}");
        }
    }

    private static string Normalize(string directory) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));

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
