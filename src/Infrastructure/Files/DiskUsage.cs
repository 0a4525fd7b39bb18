using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Files;

/// <summary>What directories take of the disk in which untrusted programs could create anything.</summary>
public static class DiskUsage
{
    /// <summary>Each entry counts at least this much: ext4 has an inode for 16 KiB, and empty files use them up, too.</summary>
    public const int BytesPerEntry = 16 << 10;

    /// <summary>Deeper ones cannot be counted with a bounded number of open directories.</summary>
    private const int MaxDepth = 200;

    /// <summary>
    /// The bytes that a tree takes, links and mounts not followed; 0 where it is absent. Counts no further once over the limit, so that a
    /// hostile tree costs no more than a large one; one deeper than 200 directories counts as over it.
    /// </summary>
    public static long Measure(string path, long limit)
    {
        try
        {
            using var root = DirectoryCalls.OpenDirectory(path);
            return Measure(root, DirectoryCalls.Status(root), limit, depth: 0);
        }
        catch (IOException) when (!Directory.Exists(path))
        {
            return 0;
        }
    }

    private static long Measure(SafeFileHandle directory, DirectoryCalls.FileStatus root, long limit, int depth)
    {
        long total = 0;
        foreach (var name in DirectoryCalls.Names(directory))
        {
            if (name is [(byte)'.', 0] or [(byte)'.', (byte)'.', 0]
                || DirectoryCalls.Status(directory, name) is not { } status || !status.IsOnDeviceOf(root))
            {
                continue;
            }

            total += BytesPerEntry + (status.Blocks * 512 / Math.Max(1, status.Links));
            if (status.IsDirectory && total <= limit)
            {
                if (depth == MaxDepth)
                {
                    return long.MaxValue;
                }

                using var below = Open(directory, name);
                var size = below is null ? 0 : Measure(below, root, limit - total, depth + 1);
                total = size > long.MaxValue - total ? long.MaxValue : total + size;
            }

            if (total > limit)
            {
                return total;
            }
        }

        return total;
    }

    private static SafeFileHandle? Open(SafeFileHandle directory, byte[] name)
    {
        try
        {
            return DirectoryCalls.OpenBeneath(directory, name);
        }
        catch (IOException) when (!DirectoryCalls.IsRoot)
        {
            // A service without root cannot count what root inside has closed to it.
            return null;
        }
    }
}
