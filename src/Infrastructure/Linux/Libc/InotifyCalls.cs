using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary>inotify. A refusal is a <see cref="Win32Exception"/>.</summary>
internal static partial class InotifyCalls
{
    public const uint Created = 0x100;
    public const uint MovedHere = 0x80;
    public const uint OnlyDirectories = 0x1000000;

    /// <summary>The kernel dropped events: the event of no watch in particular.</summary>
    public const uint Overflow = 0x4000;

    /// <summary>The limit of instances is reached (<c>EMFILE</c>).</summary>
    public const int NoInstances = 24;

    /// <summary>The limit of watches is reached (<c>ENOSPC</c>).</summary>
    public const int NoWatches = 28;

    public static SafeFileHandle Create() => new((int)SystemCall.Check(Init(FileCalls.CloseOnExec)), ownsHandle: true);

    /// <summary>A directory that is watched already keeps its number.</summary>
    public static int AddWatch(SafeFileHandle inotify, string path, uint mask) => (int)SystemCall.Check(Add(inotify, path, mask));

    /// <summary>Does nothing when the directory, and its watch with it, has gone.</summary>
    [LibraryImport("libc", EntryPoint = "inotify_rm_watch")]
    public static partial int RemoveWatch(SafeFileHandle inotify, int watch);

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial int Init(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Add(SafeFileHandle inotify, string path, uint mask);

    /// <summary><c>struct inotify_event</c>, without the name that follows it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Event
    {
        public readonly int Watch;
        public readonly uint Mask;
        public readonly uint Cookie;
        public readonly uint NameLength;
    }
}
