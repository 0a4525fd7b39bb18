using K4os.Compression.LZ4.Streams;
using K4os.Compression.LZ4.Streams.Frames;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>Decompresses LZ4 frames and checks their checksums. Input that ends inside a frame, or holds no frame, is an error.</summary>
internal sealed class Lz4DecompressingStage(Stream source) : ForwardStream(isRead: true)
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
