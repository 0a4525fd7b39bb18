using System.Security.Cryptography;
using System.Text;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// Encrypts one archive as <c>openssl enc -aes-256-cbc -pbkdf2 -pass pass:TOKEN</c> does: <c>Salted__</c>, eight bytes of salt, then the
/// cipher text with PKCS#7 padding. Key and IV are the 48 bytes of PBKDF2 with SHA-256 and 10 000 iterations, that program's default.
/// </summary>
public sealed class ArchiveKey
{
    internal const int HeaderLength = 16;
    private const int DerivedLength = KeyLength + 16;
    private const int KeyLength = 32;
    private const int Iterations = 10_000;
    private readonly byte[] _header;
    private readonly byte[] _derived;

    private ArchiveKey(byte[] header, byte[] derived) => (_header, _derived) = (header, derived);

    internal ReadOnlyMemory<byte> Header => _header;

    private static ReadOnlySpan<byte> Magic => "Salted__"u8;

    /// <summary>For a new archive, with a salt of its own.</summary>
    public static ArchiveKey New(string token)
    {
        var header = new byte[HeaderLength];
        Magic.CopyTo(header);
        RandomNumberGenerator.Fill(header.AsSpan(Magic.Length));
        return new ArchiveKey(header, Derive(token, header));
    }

    /// <summary>The inverse of <see cref="ToSecret"/>; null where the text is damaged.</summary>
    public static ArchiveKey? FromSecret(string? secret)
    {
        var bytes = new byte[HeaderLength + DerivedLength];
        return secret is not null
            && Convert.FromHexString(secret, bytes, out var read, out var written) == System.Buffers.OperationStatus.Done
            && read == secret.Length && written == bytes.Length && bytes.AsSpan().StartsWith(Magic)
                ? new ArchiveKey(bytes[..HeaderLength], bytes[HeaderLength..])
                : null;
    }

    /// <summary>Hexadecimal. Whoever has it can read the archive, but learns nothing of the token.</summary>
    public string ToSecret() => Convert.ToHexStringLower([.. _header, .. _derived]);

    /// <summary>Null where the header is not in that format.</summary>
    internal static ArchiveKey? Read(string token, ReadOnlySpan<byte> header) =>
        header.Length == HeaderLength && header.StartsWith(Magic) ? new ArchiveKey(header.ToArray(), Derive(token, header)) : null;

    internal Aes CreateAes()
    {
        var aes = Aes.Create();
        aes.Key = _derived[..KeyLength];
        aes.IV = _derived[KeyLength..];
        return aes;
    }

    private static byte[] Derive(string token, ReadOnlySpan<byte> header) => Rfc2898DeriveBytes.Pbkdf2(
        Encoding.UTF8.GetBytes(token), header[Magic.Length..], Iterations, HashAlgorithmName.SHA256, DerivedLength);
}
