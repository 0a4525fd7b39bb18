namespace HostService.Infrastructure.Files;

/// <summary>Files that are whole the moment they can be seen.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes under another name in the same directory, then renames. The other name is new and unpredictable and is never opened through a link, because
    /// the directory may belong to a program that is not trusted.
    /// </summary>
    /// <param name="durable">Also survives a crash of the machine (fsync before the rename). Files that mean nothing after a crash do not need that.</param>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, UnixFileMode mode, bool durable, CancellationToken cancellationToken)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode, BufferSize = 0 };
            await using (var stream = new FileStream(temporary, options))
            {
                // The process's umask may have taken bits away that the reader needs.
                File.SetUnixFileMode(stream.SafeFileHandle, mode);
                await stream.WriteAsync(content, cancellationToken);
                if (durable)
                {
                    stream.Flush(flushToDisk: true);
                }
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
