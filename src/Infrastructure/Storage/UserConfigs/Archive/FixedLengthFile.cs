using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// A file with exactly the length that its tar header states, although others may write to it: a file that grows is cut off, one that
/// shrinks is filled with zeros, as <c>tar</c> does.
/// </summary>
internal sealed class FixedLengthFile(SafeFileHandle file, long length) : Stream
{
    public override bool CanRead => true;

    /// <summary>True, so that the tar writer asks for the length instead of copying the content into memory.</summary>
    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, length - Position);
        if (wanted <= 0)
        {
            return 0;
        }

        var read = RandomAccess.Read(file, buffer[..wanted], Position);
        if (read == 0)
        {
            buffer[..wanted].Clear();
            read = wanted;
        }

        Position += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    // Synchronous: for a local file that is faster than the thread pool for each 80 KiB.
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => length + offset,
    };

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }
}
