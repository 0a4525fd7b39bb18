using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary><c>chown</c>.</summary>
public static partial class OwnerCalls
{
    /// <summary>Makes a user and their group the owner of a file or directory; does nothing where there is no such user.</summary>
    public static void GiveTo(string user, string path, string passwd = "/etc/passwd")
    {
        // name:password:uid:gid:…
        var fields = File.ReadLines(passwd).Select(line => line.Split(':')).FirstOrDefault(f => f.Length > 3 && f[0] == user);
        if (fields is null)
        {
            return;
        }

        try
        {
            SystemCall.Check(ChangeOwner(
                path, uint.Parse(fields[2], CultureInfo.InvariantCulture), uint.Parse(fields[3], CultureInfo.InvariantCulture)));
        }
        catch (Win32Exception exception)
        {
            throw new IOException($"{path} cannot be given to user {user}: {exception.Message}", exception);
        }
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint owner, uint group);
}
