using System.Security.Cryptography;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>Encrypts as <see cref="OpenSslKey"/> says. Not a CryptoStream, which on dispose would end what a failure cut short.</summary>
internal sealed class EncryptingStage : WriteStage
{
    private const int Chunk = 128 * 1024;
    private readonly Stream _next;
    private readonly Aes _aes;
    private readonly ICryptoTransform _encryptor;
    private readonly byte[] _header = OpenSslKey.NewHeader();
    private readonly byte[] _plain = new byte[Chunk];
    private readonly byte[] _cipher = new byte[Chunk];
    private int _pending;
    private bool _begun;

    public EncryptingStage(Stream next, string token)
    {
        _next = next;
        _aes = OpenSslKey.Derive(token, _header)!;
        _encryptor = _aes.CreateEncryptor();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var taken = Math.Min(buffer.Length, Chunk - _pending);
            buffer[..taken].CopyTo(_plain.AsMemory(_pending));
            _pending += taken;
            buffer = buffer[taken..];
            if (_pending < Chunk)
                return;

            await BeginAsync(cancellationToken);
            var length = _encryptor.TransformBlock(_plain, 0, Chunk, _cipher, 0);
            _pending = 0;
            await _next.WriteAsync(_cipher.AsMemory(0, length), cancellationToken);
        }
    }

    public override async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        await _next.WriteAsync(_encryptor.TransformFinalBlock(_plain, 0, _pending), cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _encryptor.Dispose();
            _aes.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        if (_begun)
            return;

        _begun = true;
        await _next.WriteAsync(_header, cancellationToken);
    }
}
