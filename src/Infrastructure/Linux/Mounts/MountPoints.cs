using System.ComponentModel;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Linux.Mounts;

public static class MountPoints
{
    /// <summary>Whether containers that have the path bound see mounts made below it later.</summary>
    public static bool IsShared(string path) => MountTable.Of(Path.GetFullPath(path)).Shared;

    /// <summary>What is mounted below a directory.</summary>
    public static IReadOnlyList<string> Below(string directory) =>
        MountTable.Below(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));

    /// <summary>Detaches everything mounted below a directory, such as a user's drive, before it is removed.</summary>
    /// <exception cref="IOException">Something is still mounted.</exception>
    public static void DetachBelow(string directory)
    {
        // Deepest first: a mount is busy while another one lies on it.
        foreach (var point in Below(directory).OrderByDescending(point => point.Length))
        {
            try
            {
                MountCalls.Unmount(point, MountCalls.Detach | MountCalls.NoFollow);
            }
            catch (Win32Exception e)
            {
                throw new IOException(
                    $"{point} cannot be unmounted ({e.Message}), so {directory} is not removed: that could delete the mounted files.", e);
            }
        }
    }
}
