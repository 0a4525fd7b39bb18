using System.Formats.Tar;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// Writes a directory as a tar archive. It goes from descriptor to descriptor and follows no link, so that nobody who can write to the
/// directory can make it read a file elsewhere. Files that vanish meanwhile, sockets, pipes and devices are left out; files that change are
/// taken as they are. Fails when the directory itself is removed or emptied meanwhile: the rest is not what its user set.
/// </summary>
internal sealed class TarPacker(TarWriter writer, ArchiveLimits limits)
{
    private long _bytes;
    private int _entries;

    /// <summary>Entries whose names cannot be archived: see <see cref="TarNames"/>.</summary>
    public int LeftOut { get; private set; }

    /// <exception cref="DamagedArchiveException">The directory is beyond the limits.</exception>
    /// <exception cref="IOException">It cannot be read, or was removed or emptied meanwhile.</exception>
    public async Task PackAsync(string directory, CancellationToken cancellationToken)
    {
        using var root = DirectoryCalls.OpenDirectory(directory);
        var empty = IsEmpty(root);

        // As tar does. Without any entry .NET's writer writes nothing, not even the end of an archive.
        await WriteAsync(new PaxTarEntry(TarEntryType.Directory, "./"), DirectoryCalls.Status(root), cancellationToken);
        await PackChildrenAsync(root, "", 1, cancellationToken);
        EnsureStillThere(directory, root, empty);
    }

    private static bool IsEmpty(SafeFileHandle directory) => !Entries(directory).Any();

    private static IEnumerable<string> Entries(SafeFileHandle directory) =>
        Directory.EnumerateFileSystemEntries($"/proc/self/fd/{directory.DangerousGetHandle()}");

    /// <summary>The removal of a tree begins with its files, and each of them looks like one that its user has removed.</summary>
    private static void EnsureStillThere(string directory, SafeFileHandle root, bool wasEmpty)
    {
        using var now = DirectoryCalls.OpenDirectory(directory);
        if (DirectoryCalls.Status(root).Links == 0 || !DirectoryCalls.Status(now).IsSame(DirectoryCalls.Status(root)))
        {
            throw new IOException($"{directory} was removed while it was packed");
        }

        if (!wasEmpty && IsEmpty(root))
        {
            throw new IOException($"{directory} was emptied while it was packed");
        }
    }

    private async Task PackChildrenAsync(SafeFileHandle directory, string prefix, int depth, CancellationToken cancellationToken)
    {
        if (depth > ArchiveLimits.MaxDepth)
        {
            throw new DamagedArchiveException($"directories are nested deeper than {ArchiveLimits.MaxDepth}");
        }

        foreach (var path in Entries(directory))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = Path.GetFileName(path);
            if (DirectoryCalls.Status(directory, name) is not { } status)
            {
                if (TarNames.IsMangled(name))
                {
                    LeftOut++;
                }

                continue;
            }

            if (status.IsSymbolicLink)
            {
                if (DirectoryCalls.ReadLink(directory, name) is { } target)
                {
                    await PackLinkAsync(prefix + name, target, status, cancellationToken);
                }
            }
            else if (status.IsRegularFile || status.IsDirectory)
            {
                // Its status is read again once it is open: only then can it no longer be replaced.
                using var opened = DirectoryCalls.OpenBeneath(directory, name);
                if (opened is not null)
                {
                    await PackOpenedAsync(opened, prefix + name, depth, cancellationToken);
                }
            }
        }
    }

    private async Task PackLinkAsync(string name, string target, DirectoryCalls.FileStatus status, CancellationToken cancellationToken)
    {
        if (TarNames.Entry(TarEntryType.SymbolicLink, name, target) is { } entry)
        {
            await WriteAsync(entry, status, cancellationToken);
        }
        else
        {
            LeftOut++;
        }
    }

    private async Task PackOpenedAsync(SafeFileHandle opened, string name, int depth, CancellationToken cancellationToken)
    {
        var status = DirectoryCalls.Status(opened);
        if (status.IsDirectory)
        {
            await WriteAsync(TarNames.Entry(TarEntryType.Directory, name + '/')!, status, cancellationToken);
            await PackChildrenAsync(opened, name + '/', depth + 1, cancellationToken);
        }
        else if (status.IsRegularFile)
        {
            Count(status.Size);
            await using var content = new FixedLengthFile(opened, status.Size);
            var entry = TarNames.Entry(TarEntryType.RegularFile, name, size: status.Size)!;
            entry.DataStream = content;
            await WriteAsync(entry, status, cancellationToken);
        }
    }

    private async Task WriteAsync(PosixTarEntry entry, DirectoryCalls.FileStatus status, CancellationToken cancellationToken)
    {
        if (++_entries > limits.MaxEntries)
        {
            throw new DamagedArchiveException($"there are more than {limits.MaxEntries} files (UserConfigs:MaxEntries)");
        }

        if (entry.Name.Length > ArchiveLimits.MaxPathLength)
        {
            throw new DamagedArchiveException("a path is too long");
        }

        // A header, extended headers of two blocks each, up to one block of padding, and names of up to three bytes per character. Rather
        // too much than too little: what is packed must be accepted by the same limit when it is unpacked.
        Count((6 * 512) + (3 * (entry.Name.Length + entry.LinkName.Length)));
        entry.Mode = status.Permissions;
        entry.Uid = (int)status.User;
        entry.Gid = (int)status.Group;
        entry.ModificationTime = status.Modified;
        await writer.WriteEntryAsync(entry, cancellationToken);
    }

    private void Count(long bytes)
    {
        _bytes += bytes;
        if (_bytes > limits.MaxBytes)
        {
            throw new DamagedArchiveException($"the directory holds more than {limits.MaxBytes} bytes (UserConfigs:MaxUnpackedBytes)");
        }
    }
}
