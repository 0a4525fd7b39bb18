using System.Security.Cryptography;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// S3's ETags as far as they say something about content: MD5 for a part, MD5 of the MD5s and a count for a multipart object.
/// </summary>
internal static class ETags
{
    public static byte[] Md5(ReadOnlySpan<byte> content)
    {
#pragma warning disable CA5351 // The protocol's checksum against damage on the way; who may change the content is TLS's and the signature's matter.
        return MD5.HashData(content);
#pragma warning restore CA5351
    }

    public static string OfMultipart(IReadOnlyList<byte[]> parts) =>
        $"{Convert.ToHexStringLower(Md5([.. parts.SelectMany(part => part)]))}-{parts.Count}";

    /// <summary>Whether both name the same content, however they are written.</summary>
    public static bool IsSame(string? one, string? other) => Bare(one) == Bare(other);

    /// <summary>
    /// Whether this ETag is of the kind that follows from the content, and another one. With some encryption (KMS) it is of no such kind
    /// and says nothing.
    /// </summary>
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
