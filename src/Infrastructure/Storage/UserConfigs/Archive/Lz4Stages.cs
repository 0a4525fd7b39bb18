namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>Compresses into one LZ4 frame with a content checksum, as the <c>lz4</c> program makes it.</summary>
internal sealed class Lz4CompressingStage : WriteStage
{
    private const int Chunk = 64 * 1024;
    private static readonly Lz4.Preferences Preferences = new() { BlockSize = 5, ContentChecksum = 1 };
    private readonly Stream _next;
    private readonly Lz4.CompressorHandle _context;
    private readonly byte[] _output;
    private bool _begun;

    public Lz4CompressingStage(Stream next)
    {
        _next = next;
        Lz4.Check(Lz4.CreateCompressor(out _context, Lz4.AbiVersion));
        _output = new byte[(int)Lz4.Check(Lz4.CompressBound(Chunk, in Preferences))];
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await BeginAsync(cancellationToken);
        while (!buffer.IsEmpty)
        {
            var taken = Math.Min(buffer.Length, Chunk);
            var length = Lz4.Check(Lz4.CompressUpdate(_context, _output, (nuint)_output.Length, buffer.Span[..taken], (nuint)taken, 0));
            buffer = buffer[taken..];
            await PassOnAsync(length, cancellationToken);
        }
    }

    public override async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        await PassOnAsync(Lz4.Check(Lz4.CompressEnd(_context, _output, (nuint)_output.Length, 0)), cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _context.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        if (_begun)
            return;

        _begun = true;
        await PassOnAsync(Lz4.Check(Lz4.CompressBegin(_context, _output, (nuint)_output.Length, in Preferences)), cancellationToken);
    }

    private ValueTask PassOnAsync(nuint length, CancellationToken cancellationToken) =>
        length == 0 ? ValueTask.CompletedTask : _next.WriteAsync(_output.AsMemory(0, (int)length), cancellationToken);
}

/// <summary>Decompresses LZ4 frames. An input that ends inside a frame is an error, and so is one without any.</summary>
internal sealed class Lz4DecompressingStage : ReadStage
{
    private readonly Stream _source;
    private readonly Lz4.DecompressorHandle _context;
    private readonly byte[] _input = new byte[128 * 1024];
    private int _start;
    private int _end;
    private bool _insideFrame = true;
    private bool _sourceEnded;

    public Lz4DecompressingStage(Stream source)
    {
        _source = source;
        Lz4.Check(Lz4.CreateDecompressor(out _context, Lz4.AbiVersion));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return 0;

        while (true)
        {
            // What the library holds back is asked for before more is read: a block is larger than most readers' buffers.
            var produced = (nuint)buffer.Length;
            var consumed = (nuint)(_end - _start);
            if (consumed > 0 || _insideFrame)
            {
                var hint = Lz4.Check(Lz4.Decompress(_context, buffer.Span, ref produced, _input.AsSpan(_start, _end - _start), ref consumed, 0));
                _start += (int)consumed;
                if (consumed > 0 || produced > 0)
                    _insideFrame = hint != 0;
                if (produced > 0)
                    return (int)produced;
                if (consumed > 0)
                    continue;
            }

            if (_sourceEnded)
                return _insideFrame ? throw new EndOfStreamException("The LZ4 frame is cut off.") : 0;

            _start = 0;
            _end = await _source.ReadAsync(_input, cancellationToken);
            _sourceEnded = _end == 0;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _context.Dispose();
        base.Dispose(disposing);
    }
}
