using System.Formats.Tar;
using System.Security.Cryptography;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>
/// The archive of a user's configs: tar → LZ4 frame → AES-256-CBC, as <c>tar</c>, <c>lz4</c> and <c>openssl enc</c> write and read it
/// (B22).
/// </summary>
internal static class ConfigArchive
{
    /// <summary>Packs and encrypts. Nothing marks the end of what is written when this fails.</summary>
    /// <returns>How many entries were left out (<see cref="TarPacker.LeftOut"/>).</returns>
    /// <exception cref="DamagedArchiveException">The directory is beyond the limits.</exception>
    /// <exception cref="IOException">It cannot be read, or went away under the packer.</exception>
    public static async Task<int> WriteAsync(
        string directory, string token, Stream output, ArchiveLimits limits, CancellationToken cancellationToken)
    {
        await using var encrypting = new EncryptingStage(output, token);
        await using var compressing = new Lz4CompressingStage(encrypting);

        // Not disposed on failure, because disposing writes the end of the archive; it holds nothing else.
        var writer = new TarWriter(compressing, TarEntryFormat.Pax, leaveOpen: true);
        var packer = new TarPacker(writer, limits);
        await packer.PackAsync(directory, cancellationToken);
        await writer.DisposeAsync();
        await compressing.CompleteAsync(cancellationToken);
        await encrypting.CompleteAsync(cancellationToken);
        return packer.LeftOut;
    }

    /// <summary>
    /// Decrypts and unpacks into an empty directory that nobody else writes to. All of the archive has been checked when this returns.
    /// </summary>
    /// <returns>How many entries were left out (<see cref="TarUnpacker.LeftOut"/>).</returns>
    /// <exception cref="DamagedArchiveException">Why the archive was refused; what it left in the directory is of no use.</exception>
    public static async Task<int> ReadAsync(
        Stream input, string token, string directory, ArchiveLimits limits, CancellationToken cancellationToken)
    {
        var header = new byte[OpenSslKey.HeaderLength];
        var length = await input.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        using var aes = OpenSslKey.Derive(token, header.AsSpan(0, length))
            ?? throw new DamagedArchiveException("it does not begin as 'openssl enc' begins a file");

        await using var decrypting = new DecryptingStage(input, aes);
        await using var decompressing = new Lz4DecompressingStage(decrypting);
        await using var guard = new TarGuard(decompressing, limits.MaxBytes);
        await using var reader = new TarReader(guard, leaveOpen: true);
        var unpacker = new TarUnpacker(directory, limits);
        try
        {
            await unpacker.UnpackAsync(reader, cancellationToken);
            await guard.DrainAsync(cancellationToken);
        }
        catch (Exception e) when (e is CryptographicException or InvalidDataException or EndOfStreamException
            or FormatException or ArgumentException or OverflowException)
        {
            // A wrong token deciphers to noise, which cannot be told from damage: CBC has no authentication.
            throw new DamagedArchiveException($"the encryption token is not the one it was made with, or it is damaged ({e.Message})", e);
        }

        return unpacker.LeftOut;
    }
}
