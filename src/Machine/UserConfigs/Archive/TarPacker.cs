using System.Formats.Tar;
using Microsoft.Win32.SafeHandles;

namespace HostService.Machine.UserConfigs.Archive;

/// <summary>
/// Writes a directory as a tar archive. It goes from descriptor to descriptor and follows no link, so that whoever may still write to the
/// directory cannot make it read a file elsewhere. What vanishes meanwhile is left out, what changes is taken as it is; sockets, pipes and
/// devices are left out.
/// </summary>
internal sealed class TarPacker(TarWriter writer, ArchiveLimits limits)
{
    private long _bytes;
    private int _entries;

    public async Task PackAsync(string directory, CancellationToken cancellationToken)
    {
        using var root = PosixFiles.OpenDirectory(directory);

        // As tar does, and so that an empty directory makes an archive too: without an entry the writer writes nothing, not even an end.
        await WriteAsync(new PaxTarEntry(TarEntryType.Directory, "./"), PosixFiles.Status(root), cancellationToken);
        await PackChildrenAsync(root, "", 1, cancellationToken);
    }

    private async Task PackChildrenAsync(SafeFileHandle directory, string prefix, int depth, CancellationToken cancellationToken)
    {
        if (depth > ArchiveLimits.MaxDepth)
            throw new DamagedArchiveException($"directories are nested deeper than {ArchiveLimits.MaxDepth}");

        foreach (var path in Directory.EnumerateFileSystemEntries($"/proc/self/fd/{directory.DangerousGetHandle()}"))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = Path.GetFileName(path);
            if (PosixFiles.Status(directory, name) is not { } status)
                continue;

            if (status.IsSymbolicLink)
            {
                if (PosixFiles.ReadLink(directory, name) is { } target)
                    await WriteAsync(new PaxTarEntry(TarEntryType.SymbolicLink, prefix + name) { LinkName = target }, status, cancellationToken);
            }
            else if (status.IsRegularFile || status.IsDirectory)
            {
                // Opened, it is looked at again: only now does it stay what it is.
                using var opened = PosixFiles.OpenBeneath(directory, name);
                if (opened is not null)
                    await PackOpenedAsync(opened, prefix + name, depth, cancellationToken);
            }
        }
    }

    private async Task PackOpenedAsync(SafeFileHandle opened, string name, int depth, CancellationToken cancellationToken)
    {
        var status = PosixFiles.Status(opened);
        if (status.IsDirectory)
        {
            await WriteAsync(new PaxTarEntry(TarEntryType.Directory, name + '/'), status, cancellationToken);
            await PackChildrenAsync(opened, name + '/', depth + 1, cancellationToken);
        }
        else if (status.IsRegularFile)
        {
            Count(status.Size);
            await using var content = new FixedLengthFile(opened, status.Size);
            await WriteAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = content }, status, cancellationToken);
        }
    }

    private async Task WriteAsync(PaxTarEntry entry, PosixFiles.FileStatus status, CancellationToken cancellationToken)
    {
        if (++_entries > limits.MaxEntries)
            throw new DamagedArchiveException($"there are more than {limits.MaxEntries} files (UserConfigs:MaxEntries)");

        if (entry.Name.Length > ArchiveLimits.MaxPathLength)
            throw new DamagedArchiveException("a path is too long");

        // A header, an extended one of two blocks, up to one block of padding, and names in up to three bytes a character: rather too much
        // than too little, so that whatever is packed can be unpacked under the same limit.
        Count((4 * 512) + (3 * (entry.Name.Length + entry.LinkName.Length)));
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
            throw new DamagedArchiveException($"the directory holds more than {limits.MaxBytes} bytes (UserConfigs:MaxUnpackedBytes)");
    }
}
