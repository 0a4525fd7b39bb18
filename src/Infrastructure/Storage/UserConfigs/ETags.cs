using System.Security.Cryptography;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>S3's ETags that depend on the content: MD5 for a part; MD5 of the MD5s, and a count, for a multipart object.</summary>
internal static class ETags
{
    public static byte[] Md5(ReadOnlySpan<byte> content)
    {
#pragma warning disable CA5351 // S3's checksum against damage in transit. TLS and the signature protect against changes by others.
        return MD5.HashData(content);
#pragma warning restore CA5351
    }

    public static string OfMultipart(IReadOnlyList<byte[]> parts) =>
        $"{Convert.ToHexStringLower(Md5([.. parts.SelectMany(part => part)]))}-{parts.Count}";

    /// <summary>Compares without quotes and case.</summary>
    public static bool IsSame(string? one, string? other) => Bare(one) == Bare(other);

    /// <summary>Whether it depends on the content and is another one. With some encryption (KMS) an ETag proves nothing.</summary>
    public static bool Contradicts(string? etag, string expected)
    {
        var bare = Bare(etag);
        return bare.Length == expected.Length
            && bare != expected
            && bare.All(c => char.IsAsciiHexDigit(c) || c is '-')
            && bare.IndexOf('-') == expected.IndexOf('-');
    }

    private static string Bare(string? etag) => etag?.Trim('"').ToLowerInvariant() ?? "";
}
