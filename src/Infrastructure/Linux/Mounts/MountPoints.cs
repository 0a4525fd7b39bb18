using System.ComponentModel;

namespace HostService.Infrastructure.Linux.Mounts;

/// <summary>What is mounted below a directory of ours.</summary>
public static class MountPoints
{
    /// <summary>Whether the mount that a path lies on passes mounts made below it on to containers that have it bound.</summary>
    public static bool IsShared(string path) => MountTable.Of(Path.GetFullPath(path)).Shared;

    /// <summary>
    /// Detaches whatever is mounted below a directory, so that removing the directory cannot reach into it: a mandelbox may have mounted a user's drive there.
    /// Throws when something stays mounted.
    /// </summary>
    public static void DetachBelow(string directory)
    {
        // Deepest first: what lies on another mount goes before it.
        foreach (var point in MountTable.Below(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))).OrderByDescending(point => point.Length))
        {
            try
            {
                MountSystemCalls.Unmount(point, MountSystemCalls.Detach | MountSystemCalls.NoFollow);
            }
            catch (Win32Exception e)
            {
                throw new IOException($"{point} cannot be unmounted ({e.Message}), so {directory} is left as it is: removing it could delete what is mounted there.", e);
            }
        }
    }
}
