using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class ConfigArchiveTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private string Source => _scratch.Directory("source");

    private string Target => _scratch.Directory("target");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task What_goes_in_comes_out_with_modes_times_and_links()
    {
        var time = new DateTime(2021, 10, 3, 4, 5, 6, DateTimeKind.Utc).AddMilliseconds(789);
        Directory.CreateDirectory(Path.Combine(Source, "deep/er/empty"));
        File.WriteAllText(Path.Combine(Source, "deep/er/Grüße"), "hello");
        File.WriteAllText(Path.Combine(Source, "run"), "#!/bin/sh");
        File.SetUnixFileMode(Path.Combine(Source, "run"), (UnixFileMode)Convert.ToInt32("750", 8));
        File.WriteAllText(Path.Combine(Source, "nothing"), "");
        File.CreateSymbolicLink(Path.Combine(Source, "deep/link"), "../run");
        File.SetLastWriteTimeUtc(Path.Combine(Source, "run"), time);
        Directory.SetLastWriteTimeUtc(Path.Combine(Source, "deep/er"), time);

        var leftOut = await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(Source), Target);

        Assert.Equal(0, leftOut);
        Assert.Equal("hello", File.ReadAllText(Path.Combine(Target, "deep/er/Grüße")));
        Assert.Equal("", File.ReadAllText(Path.Combine(Target, "nothing")));
        Assert.Equal("../run", new FileInfo(Path.Combine(Target, "deep/link")).LinkTarget);
        Assert.Equal((UnixFileMode)Convert.ToInt32("750", 8), File.GetUnixFileMode(Path.Combine(Target, "run")));
        Assert.Equal(time, File.GetLastWriteTimeUtc(Path.Combine(Target, "run")));
        Assert.Equal(time, Directory.GetLastWriteTimeUtc(Path.Combine(Target, "deep/er")));
        Assert.True(Directory.Exists(Path.Combine(Target, "deep/er/empty")));
    }

    [Fact]
    public async Task An_empty_directory_makes_an_archive_too()
    {
        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(Source), Target);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Target));
    }

    [Fact]
    public async Task Content_larger_than_every_buffer_survives()
    {
        var noise = RandomNumberGenerator.GetBytes(3_000_001);
        File.WriteAllBytes(Path.Combine(Source, "noise"), noise);
        File.WriteAllBytes(Path.Combine(Source, "zeros"), new byte[5_000_003]);

        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(Source), Target);

        Assert.Equal(noise, File.ReadAllBytes(Path.Combine(Target, "noise")));
        Assert.Equal(new byte[5_000_003], File.ReadAllBytes(Path.Combine(Target, "zeros")));
    }

    [Fact]
    public async Task The_same_directory_never_encrypts_to_the_same_bytes() =>
        Assert.NotEqual(await ArchiveBytes.OfDirectoryAsync(Source), await ArchiveBytes.OfDirectoryAsync(Source));

    [Fact]
    public async Task A_wrong_token_is_refused()
    {
        File.WriteAllText(Path.Combine(Source, "a"), "content");
        var archive = await ArchiveBytes.OfDirectoryAsync(Source);
        var refusal = await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(archive, Target, "another-token"));
        Assert.Contains("token", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another-token", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_cut_of_an_archive_is_refused()
    {
        File.WriteAllText(Path.Combine(Source, "a"), "content");
        var archive = await ArchiveBytes.OfDirectoryAsync(Source);
        for (var length = 0; length < archive.Length; length++)
        {
            var target = _scratch.Directory($"cut-{length}");
            await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(archive[..length], target));
        }
    }

    [Fact]
    public async Task Every_flipped_byte_of_an_archive_is_noticed()
    {
        File.WriteAllText(Path.Combine(Source, "a"), "content");
        var archive = await ArchiveBytes.OfDirectoryAsync(Source);
        for (var at = 0; at < archive.Length; at++)
        {
            var damaged = archive.ToArray();
            damaged[at] ^= 0x10;
            var target = _scratch.Directory($"flip-{at}");
            await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(damaged, target));
        }
    }

    [Fact]
    public async Task An_archive_whose_making_failed_half_way_never_looks_whole()
    {
        using var output = new MemoryStream();
        await Assert.ThrowsAsync<IOException>(
            () => ConfigArchive.EncodeAsync(ArchiveKey.New(ArchiveBytes.Token), output, FailAsync, CancellationToken.None));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(output.Length > 0);
        await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(output.ToArray(), Target));

        static async Task FailAsync(Stream tar)
        {
            // As many blocks as a whole archive could end with.
            await tar.WriteAsync(new byte[1_000_000]);
            await tar.FlushAsync();
            throw new IOException("the disk is gone");
        }
    }

    [Fact]
    public async Task Noise_is_refused()
    {
        foreach (var length in new[] { 0, 7, 16, 17, 4096 })
        {
            await Assert.ThrowsAsync<DamagedArchiveException>(
                () => ArchiveBytes.UnpackAsync(RandomNumberGenerator.GetBytes(length), Target));
        }
    }

    [Fact]
    public async Task A_directory_beyond_the_limits_is_not_packed()
    {
        File.WriteAllBytes(Path.Combine(Source, "a"), new byte[100_000]);
        using var output = new MemoryStream();
        await Assert.ThrowsAsync<DamagedArchiveException>(() =>
            ConfigArchive.WriteAsync(Source, ArchiveKey.New(ArchiveBytes.Token), output, new ArchiveLimits(50_000, 10), CancellationToken.None));
        for (var i = 0; i < 10; i++)
        {
            File.WriteAllText(Path.Combine(Source, $"file-{i}"), "");
        }

        await Assert.ThrowsAsync<DamagedArchiveException>(() =>
            ConfigArchive.WriteAsync(Source, ArchiveKey.New(ArchiveBytes.Token), output, new ArchiveLimits(1_000_000, 10), CancellationToken.None));
    }

    [Fact]
    public async Task What_can_be_packed_under_a_limit_can_be_unpacked_under_it()
    {
        for (var i = 0; i < 20; i++)
        {
            File.WriteAllBytes(Path.Combine(Source, $"{new string('n', 200)}-{i}"), new byte[i * 300]);
        }

        long limit = 0;
        byte[]? archive = null;
        while (archive is null)
        {
            limit += 1000;
            using var output = new MemoryStream();
            try
            {
                await ConfigArchive.WriteAsync(Source, ArchiveKey.New(ArchiveBytes.Token), output, new ArchiveLimits(limit, 100), CancellationToken.None);
                archive = output.ToArray();
            }
            catch (DamagedArchiveException)
            {
                Assert.True(limit < 1_000_000, "the limit grows until it suffices");
            }
        }

        await ArchiveBytes.UnpackAsync(archive, Target, limits: new ArchiveLimits(limit, 100));
        Assert.Equal(20, Directory.GetFiles(Target).Length);
    }
}
