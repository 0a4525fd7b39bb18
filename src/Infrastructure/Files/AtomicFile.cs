namespace HostService.Infrastructure.Files;

/// <summary>Writes files that are never seen incomplete.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes under another name in the same directory, then renames. The other name is unpredictable and must be new, because untrusted
    /// programs may write in the directory too.
    /// </summary>
    /// <remarks>
    /// Not awaited: the base library hands each write to another thread, which costs more than the write. Not durable: after a crash of the
    /// machine the mandelbox is gone, and an fsync costs milliseconds.
    /// </remarks>
    public static void Write(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}");
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = mode,
                BufferSize = 0,
            };
            using (var stream = new FileStream(temporary, options))
            {
                // The umask may have removed permissions that the reader needs.
                File.SetUnixFileMode(stream.SafeFileHandle, mode);
                stream.Write(content);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Removes what is left of writes of this file whose process was killed before the rename.</summary>
    public static void RemoveUnfinished(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        foreach (var left in Directory.Exists(directory) ? Directory.GetFiles(directory, $".{Path.GetFileName(path)}.*") : [])
        {
            File.Delete(left);
        }
    }
}
