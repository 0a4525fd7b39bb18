using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using K4os.Compression.LZ4.Streams;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class Lz4DecompressingStageTests
{
    /// <summary>Part compressible, part not: blocks of both kinds.</summary>
    private static readonly byte[] Content =
        [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i / 50)), .. RandomNumberGenerator.GetBytes(300_000)];

    [Fact]
    public async Task A_frame_carries_a_content_checksum_and_an_end_mark()
    {
        var frame = await CompressAsync(Content);

        // Magic number; version 1, linked blocks, content checksum. An empty frame ends with the end mark and the checksum of nothing.
        Assert.Equal("04224D1844", Convert.ToHexString(frame[..5]));
        Assert.Equal("00000000055DCC02", Convert.ToHexString((await CompressAsync([]))[7..]));
    }

    [Fact]
    public async Task Frames_after_one_another_are_one_content()
    {
        var frame = await CompressAsync(Content);
        byte[] twice = [.. Content, .. Content];
        Assert.Equal(twice, await DecompressAsync([.. frame, .. frame]));
        Assert.Empty(await DecompressAsync(await CompressAsync([])));
    }

    [Fact]
    public async Task No_frame_at_all_is_refused() => await Assert.ThrowsAsync<EndOfStreamException>(() => DecompressAsync([]));

    [Fact]
    public async Task Every_cut_is_refused()
    {
        var frame = await CompressAsync(Content);
        foreach (var length in Enumerable.Range(1, 20).Concat(Enumerable.Range(frame.Length - 20, 20)).Append(frame.Length / 2))
        {
            await Assert.ThrowsAsync<EndOfStreamException>(() => DecompressAsync(frame[..length]));
        }
    }

    [Fact]
    public async Task What_follows_a_frame_and_is_none_is_refused()
    {
        var frame = await CompressAsync(Content);
        await Assert.ThrowsAsync<InvalidDataException>(() => DecompressAsync([.. frame, 1, 2, 3, 4, 5]));
        await Assert.ThrowsAsync<EndOfStreamException>(() => DecompressAsync([.. frame, 4]));
    }

    [Fact]
    public async Task A_damaged_frame_never_gives_other_content()
    {
        var frame = await CompressAsync(Content);
        var random = new Random(1);
        var refused = 0;
        for (var i = 0; i < 500; i++)
        {
            var damaged = frame.ToArray();
            damaged[i < 20 ? i : random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                Assert.Equal(Content, await DecompressAsync(damaged));
            }
            catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
            {
                refused++;
            }
        }

        // A few bits of a block have no meaning.
        Assert.InRange(refused, 490, 500);
    }

    [Fact]
    public async Task A_block_longer_than_its_frame_allows_is_refused()
    {
        var frame = await CompressAsync(Content);
        await Assert.ThrowsAsync<InvalidDataException>(() => DecompressAsync([.. frame[..7], 0xFF, 0xFF, 0xFF, 0x7F, .. frame[11..]]));
    }

    private static async Task<byte[]> CompressAsync(byte[] content)
    {
        using var output = new MemoryStream();
        await using (var stream = LZ4Stream.Encode(output, ConfigArchive.Lz4, leaveOpen: true))
        {
            await stream.WriteAsync(content);
        }

        return output.ToArray();
    }

    private static async Task<byte[]> DecompressAsync(byte[] frames)
    {
        using var input = new MemoryStream(frames);
        await using var stage = new Lz4DecompressingStage(input);
        using var output = new MemoryStream();
        await stage.CopyToAsync(output);
        return output.ToArray();
    }
}
