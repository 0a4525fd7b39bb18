using System.Security.Cryptography;
using System.Text;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// The format of <c>openssl enc -aes-256-cbc -pbkdf2 -pass pass:TOKEN</c>: <c>Salted__</c>, eight bytes of salt, then the cipher text with
/// PKCS#7 padding. Key and IV are the 48 bytes of PBKDF2 with SHA-256 and 10 000 iterations, that program's default.
/// </summary>
internal static class OpenSslKey
{
    public const int HeaderLength = 16;
    private const int SaltLength = 8;
    private const int Iterations = 10_000;

    private static ReadOnlySpan<byte> Magic => "Salted__"u8;

    public static byte[] NewHeader()
    {
        var header = new byte[HeaderLength];
        Magic.CopyTo(header);
        RandomNumberGenerator.Fill(header.AsSpan(Magic.Length, SaltLength));
        return header;
    }

    /// <summary>Null where the header is not in that format.</summary>
    public static Aes? Derive(string token, ReadOnlySpan<byte> header)
    {
        if (header.Length != HeaderLength || !header.StartsWith(Magic))
        {
            return null;
        }

        Span<byte> derived = stackalloc byte[48];
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(token), header[Magic.Length..], derived, Iterations, HashAlgorithmName.SHA256);
        var aes = Aes.Create();
        aes.Key = derived[..32].ToArray();
        aes.IV = derived[32..].ToArray();
        CryptographicOperations.ZeroMemory(derived);
        return aes;
    }
}
