namespace HostService.Infrastructure.Files;

/// <summary>Writes files that are never seen incomplete.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes under another name in the same directory, then renames. The other name is unpredictable and must be new, because untrusted
    /// programs may write in the directory too.
    /// </summary>
    /// <param name="durable">Also survives a crash of the machine (fsync before the rename).</param>
    public static async Task WriteAsync(
        string path, ReadOnlyMemory<byte> content, UnixFileMode mode, bool durable, CancellationToken cancellationToken)
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
            await using (var stream = new FileStream(temporary, options))
            {
                // The umask may have removed permissions that the reader needs.
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
