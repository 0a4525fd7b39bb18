using System.Buffers;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary>Calls on the entries of a directory that the BCL lacks: without following links, with owners and times.</summary>
internal static partial class DirectoryCalls
{
    private const int NotFound = 2;
    private const int NoSuchDevice = 6;
    private const int NotADirectory = 20;
    private const int TooManyLinks = 40;
    private const int AtEmptyPath = 0x1000;
    private const int AtRemoveDirectory = 0x200;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint BasicStats = 0x7ff;

    // Differs between x86-64 and arm64.
    private static readonly int Directory = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    /// <summary>Whether this process may change the owner of files.</summary>
    public static bool IsRoot { get; } = Environment.IsPrivilegedProcess;

    public static SafeFileHandle OpenDirectory(string path)
    {
        var handle = Open(path, Directory | FileCalls.CloseOnExec);
        return handle.IsInvalid ? throw Error($"open {path}") : handle;
    }

    /// <summary>Never follows a link or waits for a pipe's other end. Null where it is gone, or is a link or socket by now.</summary>
    public static SafeFileHandle? OpenBeneath(SafeFileHandle directory, string name) =>
        OpenBeneath(directory, Encoding.UTF8.GetBytes(name + '\0'));

    /// <param name="name">With the zero at its end.</param>
    public static SafeFileHandle? OpenBeneath(SafeFileHandle directory, byte[] name)
    {
        var handle = OpenAt(directory, name, FileCalls.NoFollow | FileCalls.NonBlocking | FileCalls.CloseOnExec);
        if (!handle.IsInvalid)
        {
            return handle;
        }

        handle.Dispose();
        return Marshal.GetLastPInvokeError() is NotFound or NoSuchDevice or NotADirectory or TooManyLinks
            ? null
            : throw Error($"open {Encoding.UTF8.GetString(name)}");
    }

    /// <summary>The status of a directory's entry, links not followed. Null where it is gone.</summary>
    public static FileStatus? Status(SafeFileHandle directory, string name) =>
        Status(directory, Encoding.UTF8.GetBytes(name + '\0'));

    /// <param name="name">With the zero at its end.</param>
    public static FileStatus? Status(SafeFileHandle directory, byte[] name)
    {
        if (Statx(directory, name, AtSymlinkNoFollow, BasicStats, out var status) == 0)
        {
            return status;
        }

        return Marshal.GetLastPInvokeError() == NotFound ? null : throw Error($"look at {Encoding.UTF8.GetString(name)}");
    }

    public static FileStatus Status(SafeFileHandle file) =>
        Statx(file, [0], AtEmptyPath, BasicStats, out var status) == 0 ? status : throw Error("look at an open file");

    /// <summary>Entries' names as bytes, perhaps no valid text, each with its zero. None for what is gone or no directory.</summary>
    public static IEnumerable<byte[]> Names(SafeFileHandle directory)
    {
        // Rented: a directory on the way holds it until the ones below it are done.
        var buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
        try
        {
            while (ReadEntries(directory, buffer, (nuint)buffer.Length) is var length and not 0)
            {
                if (length < 0)
                {
                    if (Marshal.GetLastPInvokeError() is NotFound or NotADirectory)
                    {
                        yield break;
                    }

                    throw Error("list a directory");
                }

                // struct linux_dirent64: the record's length at 16, the name from 19 on.
                for (var at = 0; at < length; at += BitConverter.ToUInt16(buffer, at + 16))
                {
                    var name = buffer.AsSpan(at + 19);
                    yield return name[..(name.IndexOf((byte)0) + 1)].ToArray();
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Null where it is gone or no longer a link.</summary>
    public static string? ReadLink(SafeFileHandle directory, string name)
    {
        const int flags = FileCalls.PathOnly | FileCalls.CloseOnExec;
        using var link = OpenAt(directory, Encoding.UTF8.GetBytes(name + '\0'), flags | FileCalls.NoFollow);
        if (link.IsInvalid)
        {
            return null;
        }

        var buffer = new byte[4096];
        var length = ReadLinkAt(link, "", buffer, (nuint)buffer.Length);
        return length < 0 ? null : Encoding.UTF8.GetString(buffer, 0, (int)length);
    }

    /// <summary>The directory of this path, whose last name is no link. Null where there is none, or it is refused.</summary>
    public static SafeFileHandle? TryOpenDirectory(string path) =>
        Valid(Open(path, Directory | FileCalls.NoFollow | FileCalls.CloseOnExec));

    /// <summary>
    /// The directory of this name. Null where it is a link, on another mount (a bind mount of the same file system, too), gone or refused;
    /// and where the kernel is older than 5.6 or a filter forbids the call.
    /// </summary>
    /// <param name="name">With the zero at its end.</param>
    public static unsafe SafeFileHandle? TryOpenDirectoryBeneath(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        const nint openAt2 = 437;
        const ulong noOtherMount = 1;
        var how = new OpenHow { Flags = (ulong)(Directory | FileCalls.NoFollow | FileCalls.CloseOnExec), Resolve = noOtherMount };
        return Valid(OpenAt2(openAt2, directory, name, &how, (nuint)sizeof(OpenHow)));
    }

    /// <summary>Removes an entry that is no directory. One that is gone already is removed. False where it is refused.</summary>
    /// <param name="name">With the zero at its end.</param>
    public static bool TryUnlink(SafeFileHandle directory, ReadOnlySpan<byte> name) => IsGone(UnlinkAt(directory, name, 0));

    /// <summary>Removes an empty directory; false where it is not empty, or it is refused.</summary>
    /// <param name="name">With the zero at its end.</param>
    public static bool TryRemoveDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name) =>
        IsGone(UnlinkAt(directory, name, AtRemoveDirectory));

    public static bool TryRemoveDirectory(string path) => IsGone(RemoveDirectory(path));

    /// <summary>Reads the next entries into the buffer, which holds at least the longest one (280 bytes).</summary>
    public static EntryReader ReadEntries(SafeFileHandle directory, Span<byte> buffer)
    {
        var length = ReadEntries(directory, buffer, (nuint)buffer.Length);
        return new EntryReader(buffer[..(int)Math.Max(0, length)], length >= 0);
    }

    public static void GiveTo(string path, uint user, uint group)
    {
        if (ChangeOwner(path, user, group) != 0)
        {
            throw Error($"give {path} to {user}:{group}");
        }
    }

    public static void HardLink(string existing, string path)
    {
        if (Link(existing, path) != 0)
        {
            throw Error($"link {path}");
        }
    }

    /// <summary>Renames a file, a directory or a link itself.</summary>
    public static void Move(string from, string to)
    {
        if (Rename(from, to) != 0)
        {
            throw Error($"move {from} to {to}");
        }
    }

    /// <summary>The same; a name that does not exist is no error.</summary>
    public static void MoveIfThere(string from, string to)
    {
        if (Rename(from, to) != 0 && Marshal.GetLastPInvokeError() != NotFound)
        {
            throw Error($"move {from} to {to}");
        }
    }

    private static bool IsGone(int result) => result == 0 || Marshal.GetLastPInvokeError() == NotFound;

    private static SafeFileHandle? Valid(SafeFileHandle handle)
    {
        if (!handle.IsInvalid)
        {
            return handle;
        }

        handle.Dispose();
        return null;
    }

    private static IOException Error(string attempt) =>
        new($"Could not {attempt}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial SafeFileHandle OpenAt(SafeFileHandle directory, byte[] path, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial SafeFileHandle OpenAt2(
        nint number, SafeFileHandle directory, ReadOnlySpan<byte> path, OpenHow* how, nuint size);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RemoveDirectory(string path);

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint ReadEntries(SafeFileHandle directory, Span<byte> buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(SafeFileHandle directory, byte[] path, int flags, uint mask, out FileStatus status);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLinkAt(SafeFileHandle directory, string path, Span<byte> buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string from, string to);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string path);

    /// <summary>Goes through the entries of a directory that were read into a buffer, but for "." and "..".</summary>
    public ref struct EntryReader(Span<byte> entries, bool success)
    {
        private Span<byte> _entries = entries;

        /// <summary>False where the directory could not be read.</summary>
        public readonly bool Success => success;

        /// <summary>Whether the directory has no further entries, if it could be read.</summary>
        public readonly bool IsAtEnd => _entries.IsEmpty;

        /// <param name="name">With its zero.</param>
        /// <param name="isDirectory">False also where the file system does not say.</param>
        public bool TryTake(out ReadOnlySpan<byte> name, out bool isDirectory)
        {
            while (!_entries.IsEmpty)
            {
                // struct linux_dirent64: the record's length at 16, the type at 18, the name from 19 on.
                var entry = _entries[..BitConverter.ToUInt16(_entries[16..])];
                _entries = _entries[entry.Length..];
                isDirectory = entry[18] == 4;
                name = entry[19..(19 + entry[19..].IndexOf((byte)0) + 1)];
                if (name is not ([(byte)'.', 0] or [(byte)'.', (byte)'.', 0]))
                {
                    return true;
                }
            }

            name = default;
            isDirectory = false;
            return false;
        }
    }

    /// <summary><c>struct open_how</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    /// <summary><c>struct statx</c>: the same on every architecture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public readonly struct FileStatus
    {
        /// <summary>The number of its names; 0 when it was removed and is only open.</summary>
        [FieldOffset(16)]
        public readonly uint Links;

        [FieldOffset(20)]
        public readonly uint User;

        [FieldOffset(24)]
        public readonly uint Group;

        [FieldOffset(28)]
        private readonly ushort _mode;

        [FieldOffset(32)]
        private readonly ulong _inode;

        [FieldOffset(40)]
        public readonly long Size;

        /// <summary>Of 512 bytes each, whatever the file system's own blocks are.</summary>
        [FieldOffset(48)]
        public readonly long Blocks;

        [FieldOffset(112)]
        private readonly long _modifiedSeconds;

        [FieldOffset(120)]
        private readonly uint _modifiedNanoseconds;

        /// <summary>Major and minor number.</summary>
        [FieldOffset(136)]
        private readonly ulong _device;

        public bool IsDirectory => (_mode & 0xF000) == 0x4000;

        public bool IsRegularFile => (_mode & 0xF000) == 0x8000;

        public bool IsSymbolicLink => (_mode & 0xF000) == 0xA000;

        public bool IsOnDeviceOf(FileStatus other) => _device == other._device;

        public bool IsSame(FileStatus other) => (_inode, _device) == (other._inode, other._device);

        /// <summary>Without set-uid, set-gid and sticky, which settings do not need.</summary>
        public UnixFileMode Permissions => (UnixFileMode)(_mode & 0x1FF);

        /// <summary>From 1970 to 2242, the range of the eleven octal digits of a tar header.</summary>
        public DateTimeOffset Modified =>
            DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(_modifiedSeconds, 0, 0x1_FFFF_FFFF)).AddTicks(_modifiedNanoseconds / 100);
    }
}
