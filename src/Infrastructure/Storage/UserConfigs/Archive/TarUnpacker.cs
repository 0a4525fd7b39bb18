using System.Formats.Tar;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// Unpacks a tar archive into an empty directory that nobody else writes to, and never outside of it. Refuses the whole archive for an
/// absolute path, a <c>..</c>, an entry below a link, a hard link to the outside, a device. Symbolic links to the outside are ordinary in a
/// browser's profile and useless on another host: they are left out.
/// </summary>
internal sealed class TarUnpacker(string root, ArchiveLimits limits)
{
    private readonly Stack<(string Path, TarEntry Entry)> _directories = new();
    private string? _knownDirectory;
    private int _entries;

    /// <summary>Links to the outside, and pipes.</summary>
    public int LeftOut { get; private set; }

    public async Task UnpackAsync(TarReader reader, CancellationToken cancellationToken)
    {
        while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            if (entry.EntryType == TarEntryType.GlobalExtendedAttributes)
            {
                continue;
            }

            if (++_entries > limits.MaxEntries)
            {
                throw new DamagedArchiveException($"it holds more than {limits.MaxEntries} entries (UserConfigs:MaxEntries)");
            }

            if (Resolve(entry.Name) is { } path)
            {
                await UnpackAsync(entry, path, cancellationToken);
            }
        }

        while (_directories.TryPop(out var left))
        {
            Finish(left.Path, left.Entry);
        }
    }

    private async Task UnpackAsync(TarEntry entry, string path, CancellationToken cancellationToken)
    {
        while (_directories.TryPeek(out var top) && !path.StartsWith(top.Path + '/', StringComparison.Ordinal))
        {
            Finish(_directories.Pop().Path, top.Entry);
        }

        EnsureDirectory(Path.GetDirectoryName(path)!);
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                EnsureDirectory(path);
                _directories.Push((path, entry));
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                Replace(path);
                await WriteFileAsync(entry, path, cancellationToken);
                Finish(path, entry);
                break;
            case TarEntryType.SymbolicLink when StaysInside(path, entry.LinkName):
                Replace(path);
                File.CreateSymbolicLink(path, entry.LinkName);
                GiveTo(path, entry);
                break;
            case TarEntryType.HardLink:
                Replace(path);
                LinkTo(entry, path);
                break;
            case TarEntryType.SymbolicLink or TarEntryType.Fifo:
                LeftOut++;
                break;
            default:
                throw new DamagedArchiveException($"an entry is of type {entry.EntryType}, which is not accepted");
        }
    }

    /// <summary>Null for the root itself, which keeps its owner and mode.</summary>
    private string? Resolve(string name)
    {
        if (name.StartsWith('/'))
        {
            throw new DamagedArchiveException("an entry has an absolute path");
        }

        if (name.Length > ArchiveLimits.MaxPathLength || name.Contains('\0'))
        {
            throw new DamagedArchiveException("an entry's path is too long or holds a NUL");
        }

        var parts = name.Split('/').Where(part => part is not ("" or ".")).ToArray();
        if (parts.Contains(".."))
        {
            throw new DamagedArchiveException("an entry's path holds '..'");
        }

        if (parts.Length > ArchiveLimits.MaxDepth)
        {
            throw new DamagedArchiveException($"directories are nested deeper than {ArchiveLimits.MaxDepth}");
        }

        return parts.Length == 0 ? null : root + '/' + string.Join('/', parts);
    }

    /// <summary>Creates the missing directories of a path below the root. Refuses a path through anything but directories.</summary>
    private void EnsureDirectory(string path)
    {
        if (path == _knownDirectory || path == root)
        {
            return;
        }

        EnsureDirectory(Path.GetDirectoryName(path)!);
        var there = new DirectoryInfo(path);
        if (there.LinkTarget is not null || File.Exists(path))
        {
            throw new DamagedArchiveException("an entry goes through a link or a file");
        }

        if (!there.Exists)
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        _knownDirectory = path;
    }

    /// <summary>A later entry of the same name wins, as with <c>tar</c>, but never replaces a directory.</summary>
    private static void Replace(string path)
    {
        var there = new FileInfo(path);
        if (there.LinkTarget is null && Directory.Exists(path))
        {
            throw new DamagedArchiveException("an entry takes a directory's place");
        }

        there.Delete();
    }

    private static async Task WriteFileAsync(TarEntry entry, string path, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        if (entry.DataStream is { } content)
        {
            await content.CopyToAsync(file, 128 * 1024, cancellationToken);
        }
    }

    /// <summary>
    /// <c>..</c> is accepted only at the beginning of the target, where it goes through directories that were just checked: after a link,
    /// <c>link/..</c> is not the directory that holds the link.
    /// </summary>
    private bool StaysInside(string path, string target)
    {
        if (target.Length is 0 or > ArchiveLimits.MaxPathLength || target.StartsWith('/') || target.Contains('\0'))
        {
            return false;
        }

        var depth = path.AsSpan(root.Length + 1).Count('/');
        var parts = target.Split('/').Where(part => part is not ("" or ".")).ToArray();
        var upwards = parts.TakeWhile(part => part == "..").Count();
        return upwards <= depth && !parts.Skip(upwards).Contains("..");
    }

    private void LinkTo(TarEntry entry, string path)
    {
        if (Resolve(entry.LinkName) is not { } target)
        {
            throw new DamagedArchiveException("a hard link points to the root");
        }

        EnsureDirectory(Path.GetDirectoryName(target)!);
        var there = new FileInfo(target);
        if (!there.Exists || there.LinkTarget is not null)
        {
            throw new DamagedArchiveException("a hard link does not point to a file of the archive");
        }

        DirectoryCalls.HardLink(target, path);
    }

    private static void Finish(string path, TarEntry entry)
    {
        GiveTo(path, entry);
        File.SetUnixFileMode(path, entry.Mode & (UnixFileMode)0x1FF);
        File.SetLastWriteTimeUtc(path, entry.ModificationTime.UtcDateTime);
    }

    private static void GiveTo(string path, TarEntry entry)
    {
        if (DirectoryCalls.IsRoot)
        {
            DirectoryCalls.GiveTo(path, (uint)entry.Uid, (uint)entry.Gid);
        }
    }
}
