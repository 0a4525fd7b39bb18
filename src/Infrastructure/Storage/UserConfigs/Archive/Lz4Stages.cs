using K4os.Compression.LZ4.Streams;
using K4os.Compression.LZ4.Streams.Frames;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>Compresses into one LZ4 frame with a content checksum, as the <c>lz4</c> program does.</summary>
internal sealed class Lz4CompressingStage(Stream next) : WriteStage
{
    private static readonly LZ4EncoderSettings Settings = new() { BlockSize = 256 * 1024, ContentChecksum = true };

    // Not disposed: that would write the end of a frame that a failure cut short. Its finalizer frees the memory.
    private readonly StreamLZ4FrameWriter _frame = LZ4Frame.Encode(next, Settings, leaveOpen: true);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await _frame.WriteManyBytesAsync(cancellationToken, buffer);

    public override async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await _frame.OpenFrameAsync(cancellationToken);
        await _frame.CloseFrameAsync(cancellationToken);
    }
}

/// <summary>Decompresses LZ4 frames and checks their checksums. Input that ends inside a frame, or holds no frame, is an error.</summary>
internal sealed class Lz4DecompressingStage(Stream source) : ReadStage
{
    private readonly StreamLZ4FrameReader _frames = LZ4Frame.Decode(source, leaveOpen: true);
    private bool _hasFrame;

    /// <exception cref="InvalidDataException">A frame is damaged.</exception>
    /// <exception cref="EndOfStreamException">A frame is cut off, or there is none.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (!buffer.IsEmpty && await _frames.OpenFrameAsync(cancellationToken))
            {
                _hasFrame = true;
                if (await _frames.ReadManyBytesAsync(cancellationToken, buffer, interactive: true) is > 0 and var length)
                {
                    return length;
                }
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or NotImplementedException)
        {
            // How the decoder refuses blocks that do not decode, lengths beyond the block size, and dictionaries.
            throw new InvalidDataException("An LZ4 block is damaged.", exception);
        }

        return buffer.IsEmpty || _hasFrame ? 0 : throw new EndOfStreamException("There is no LZ4 frame.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _frames.Dispose();
        }

        base.Dispose(disposing);
    }
}
