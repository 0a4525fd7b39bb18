using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;
using K4os.Compression.LZ4.Streams;

namespace HostService.Tests.Storage.UserConfigs;

public sealed class Lz4ProgramTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [NeedsTheory("lz4")]
    [InlineData("")]
    [InlineData("-12")]
    [InlineData("--fast=9")]
    [InlineData("-B4")]
    [InlineData("-B7 -BD")]
    [InlineData("-BX -B5")]
    [InlineData("--content-size")]
    [InlineData("--no-frame-crc")]
    public async Task Frames_of_every_kind_that_the_program_writes_are_read(string options)
    {
        var content = await FillAsync();
        await Shell.RunAsync($"lz4 -q {options} \"$1\" \"$2\"", _scratch["content"], _scratch["frame"]);

        await using var input = File.OpenRead(_scratch["frame"]);
        await using var stage = new Lz4DecompressingStage(input);
        using var output = new MemoryStream();
        await stage.CopyToAsync(output);
        Assert.Equal(content, output.ToArray());
    }

    [NeedsFact("lz4")]
    public async Task The_program_checks_and_reads_ours()
    {
        var content = await FillAsync();
        await using (var output = File.Create(_scratch["frame"]))
        await using (var stream = LZ4Stream.Encode(output, ConfigArchive.Lz4))
        {
            await stream.WriteAsync(content);
        }

        await Shell.RunAsync("lz4 -t -q \"$1\" && lz4 -d -q -f \"$1\" \"$2\"", _scratch["frame"], _scratch["content"]);
        Assert.Equal(content, await File.ReadAllBytesAsync(_scratch["content"]));
    }

    private async Task<byte[]> FillAsync()
    {
        var content = new byte[5_000_000];
        new Random(1).NextBytes(content.AsSpan(0, 2_000_000));
        await File.WriteAllBytesAsync(_scratch["content"], content);
        return content;
    }
}
