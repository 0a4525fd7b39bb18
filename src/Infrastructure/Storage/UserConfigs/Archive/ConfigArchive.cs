using System.Formats.Tar;
using System.Security.Cryptography;
using K4os.Compression.LZ4.Streams;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>A user's configs: tar → LZ4 frame → AES-256-CBC, as <c>tar</c>, <c>lz4</c> and <c>openssl enc</c> do (B22).</summary>
internal static class ConfigArchive
{
    /// <summary>As the <c>lz4</c> program: linked blocks and a checksum of the content.</summary>
    public static readonly LZ4EncoderSettings Lz4 = new() { BlockSize = 256 * 1024, ContentChecksum = true };

    /// <summary>Packs, compresses and encrypts a directory.</summary>
    /// <returns>The number of entries left out (<see cref="TarPacker.LeftOut"/>).</returns>
    /// <exception cref="DamagedArchiveException">The directory is beyond the limits.</exception>
    /// <exception cref="IOException">It cannot be read, or was removed meanwhile.</exception>
    public static async Task<int> WriteAsync(
        string directory, ArchiveKey key, Stream output, ArchiveLimits limits, CancellationToken cancellationToken)
    {
        var leftOut = 0;
        await EncodeAsync(key, output, PackAsync, cancellationToken);
        return leftOut;

        async Task PackAsync(Stream tar)
        {
            // Disposed only on success, as below.
            var writer = new TarWriter(tar, TarEntryFormat.Pax, leaveOpen: true);
            var packer = new TarPacker(writer, limits);
            await packer.PackAsync(directory, cancellationToken);
            await writer.DisposeAsync();
            leftOut = packer.LeftOut;
        }
    }

    /// <summary>Compresses and encrypts what is written to the stream that <paramref name="write"/> is given.</summary>
    public static async Task EncodeAsync(ArchiveKey key, Stream output, Func<Stream, Task> write, CancellationToken cancellationToken)
    {
        await output.WriteAsync(key.Header, cancellationToken);
        using var aes = key.CreateAes();
        using var encryptor = aes.CreateEncryptor();

        // Disposing writes the end of a format, so these are disposed only on success: a partial archive must never look complete.
        var encrypting = new CryptoStream(output, encryptor, CryptoStreamMode.Write, leaveOpen: true);
        var compressing = LZ4Stream.Encode(encrypting, Lz4, leaveOpen: true);
        await write(compressing);
        await compressing.DisposeAsync();
        await encrypting.FlushFinalBlockAsync(cancellationToken);
    }

    /// <summary>Unpacks into an empty directory that nobody else writes to. On return the whole archive has been checked.</summary>
    /// <returns>The number of entries left out (<see cref="TarUnpacker.LeftOut"/>).</returns>
    /// <exception cref="DamagedArchiveException">Why the archive was refused; what was unpacked so far is of no use.</exception>
    public static async Task<int> ReadAsync(
        Stream input, string token, string directory, ArchiveLimits limits, CancellationToken cancellationToken)
    {
        var header = new byte[ArchiveKey.HeaderLength];
        var length = await input.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        var key = ArchiveKey.Read(token, header.AsSpan(0, length))
            ?? throw new DamagedArchiveException("it does not begin as 'openssl enc' begins a file");
        using var aes = key.CreateAes();
        using var decryptor = aes.CreateDecryptor();

        await using var decrypting = new CryptoStream(input, decryptor, CryptoStreamMode.Read, leaveOpen: true);
        await using var decompressing = new Lz4DecompressingStage(decrypting);
        await using var guard = new TarGuard(decompressing, limits.MaxBytes);
        await using var reader = new TarReader(guard, leaveOpen: true);
        var unpacker = new TarUnpacker(directory, limits);
        try
        {
            await unpacker.UnpackAsync(reader, cancellationToken);
            await guard.DrainAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is CryptographicException or InvalidDataException or EndOfStreamException
            or FormatException or ArgumentException or OverflowException)
        {
            // CBC has no authentication: with a wrong token the plain text is noise, which cannot be told from damage.
            throw new DamagedArchiveException(
                $"the encryption token is not the one it was made with, or it is damaged ({exception.Message})", exception);
        }

        return unpacker.LeftOut;
    }
}
