using System.Formats.Tar;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Infrastructure.Storage.UserConfigs.Archive;

namespace HostService.Tests.Unit.UserConfigs;

/// <summary>Archives made by hand: what a packer of ours would never write.</summary>
internal static class ArchiveBytes
{
    public const string Token = "0123456789-token";

    public static readonly ArchiveLimits Limits = new(64 << 20, 1000);

    public static async Task<byte[]> OfDirectoryAsync(string directory, string token = Token)
    {
        using var output = new MemoryStream();
        await ConfigArchive.WriteAsync(directory, ArchiveKey.New(token), output, Limits, CancellationToken.None);
        return output.ToArray();
    }

    public static Task<byte[]> OfAsync(params TarEntry[] entries) => OfTarAsync(async tar =>
    {
        await using var writer = new TarWriter(tar, leaveOpen: true);
        foreach (var entry in entries)
        {
            await writer.WriteEntryAsync(entry);
        }
    });

    /// <summary>Compresses and encrypts whatever is written.</summary>
    public static async Task<byte[]> OfTarAsync(Func<Stream, Task> write)
    {
        using var output = new MemoryStream();
        await ConfigArchive.EncodeAsync(ArchiveKey.New(Token), output, write, CancellationToken.None);
        return output.ToArray();
    }

    public static async Task<int> UnpackAsync(byte[] archive, string directory, string token = Token, ArchiveLimits? limits = null)
    {
        using var input = new MemoryStream(archive);
        return await ConfigArchive.ReadAsync(input, token, directory, limits ?? Limits, CancellationToken.None);
    }

    public static PaxTarEntry File(string name, string content = "content") =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content)) };

    public static PaxTarEntry Link(string name, string target) => new(TarEntryType.SymbolicLink, name) { LinkName = target };

    public static PaxTarEntry HardLink(string name, string target) => new(TarEntryType.HardLink, name) { LinkName = target };
}
