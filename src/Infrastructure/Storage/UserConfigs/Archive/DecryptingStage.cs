using System.Security.Cryptography;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>Decrypts what <see cref="EncryptingStage"/> or <c>openssl enc</c> made, in chunks as large as its own.</summary>
internal sealed class DecryptingStage(Stream source, Aes aes) : ReadStage
{
    private const int Chunk = 128 * 1024;
    private readonly ICryptoTransform _decryptor = aes.CreateDecryptor();
    private readonly byte[] _cipher = new byte[Chunk];
    private byte[] _plain = new byte[Chunk];
    private int _start;
    private int _end;
    private bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_start == _end && !_ended)
            await RefillAsync(cancellationToken);

        var taken = Math.Min(buffer.Length, _end - _start);
        _plain.AsMemory(_start, taken).CopyTo(buffer);
        _start += taken;
        return taken;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _decryptor.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The decryptor keeps back the last block, which may be the padding.</summary>
    private async Task RefillAsync(CancellationToken cancellationToken)
    {
        var filled = await source.ReadAtLeastAsync(_cipher, Chunk, throwOnEndOfStream: false, cancellationToken);
        _start = 0;
        if (filled == Chunk)
        {
            _end = _decryptor.TransformBlock(_cipher, 0, Chunk, _plain, 0);
        }
        else
        {
            _plain = _decryptor.TransformFinalBlock(_cipher, 0, filled);
            _end = _plain.Length;
            _ended = true;
        }
    }
}
