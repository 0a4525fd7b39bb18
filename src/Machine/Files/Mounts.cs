using System.Runtime.InteropServices;
using System.Text;

namespace HostService.Machine.Files;

/// <summary>The mounts of this machine, as the kernel tells it.</summary>
public static partial class Mounts
{
    private const int MntDetach = 2;
    private const int UmountNoFollow = 8;

    /// <summary>Mount points strictly below a directory, deepest first.</summary>
    public static IReadOnlyList<string> Below(string directory, string mountInfoPath = "/proc/self/mountinfo")
    {
        var prefix = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)) + "/";
        return
        [
            .. File.ReadLines(mountInfoPath)
                .Select(line => line.Split(' '))
                .Where(fields => fields.Length > 4)
                .Select(fields => Unescape(fields[4]))
                .Where(point => point.StartsWith(prefix, StringComparison.Ordinal))
                .OrderByDescending(point => point.Length),
        ];
    }

    /// <summary>Whether the mount that a path lies on passes mounts made below it on to its peers.</summary>
    public static bool IsShared(string path, string mountInfoPath = "/proc/self/mountinfo")
    {
        var full = Path.GetFullPath(path) + "/";
        var mount = File.ReadLines(mountInfoPath)
            .Select(line => line.Split(' '))
            .Where(fields => fields.Length > 6)
            .Where(fields => full.StartsWith(Unescape(fields[4]).TrimEnd('/') + "/", StringComparison.Ordinal))
            .OrderBy(fields => Unescape(fields[4]).Length)
            .LastOrDefault();

        // Optional fields stand between the sixth and a dash.
        return mount is not null && mount.Skip(6).TakeWhile(field => field != "-").Any(field => field.StartsWith("shared:", StringComparison.Ordinal));
    }

    /// <summary>
    /// Detaches whatever is mounted below a directory, so that removing the directory cannot reach into it: a mandelbox may have mounted a user's drive there.
    /// Throws when something stays mounted.
    /// </summary>
    public static void DetachBelow(string directory)
    {
        foreach (var point in Below(directory))
        {
            if (Unmount(point, MntDetach | UmountNoFollow) != 0)
            {
                var error = Marshal.GetLastPInvokeErrorMessage();
                throw new IOException($"{point} cannot be unmounted ({error}), so {directory} is left as it is: removing it could delete what is mounted there.");
            }
        }
    }

    // The kernel writes space, tab, newline and backslash as three octal digits.
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        var text = new StringBuilder(field.Length);
        for (var i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length)
            {
                text.Append((char)Convert.ToInt32(field.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }

        return text.ToString();
    }

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
