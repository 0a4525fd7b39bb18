using System.Globalization;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Files;

/// <summary>Who owns a file.</summary>
public static partial class Ownership
{
    /// <summary>Makes a user and their group the owner of one file or directory; does nothing where there is no such user.</summary>
    public static void GiveTo(string user, string path, string passwd = "/etc/passwd")
    {
        // name:password:uid:gid:…
        var fields = File.ReadLines(passwd).Select(line => line.Split(':')).FirstOrDefault(f => f.Length > 3 && f[0] == user);
        if (fields is null)
        {
            return;
        }

        var uid = uint.Parse(fields[2], CultureInfo.InvariantCulture);
        var gid = uint.Parse(fields[3], CultureInfo.InvariantCulture);
        if (ChangeOwner(path, uid, gid) != 0)
        {
            throw new IOException($"{path} cannot be given to user {user}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint owner, uint group);
}
