using System.Formats.Tar;
using System.Text;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class HostileArchiveTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private string Target => _scratch.Directory("a/target");

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("../escaped")]
    [InlineData("sub/../../escaped")]
    [InlineData("sub/..")]
    [InlineData("..")]
    [InlineData("/tmp/escaped")]
    [InlineData("//escaped")]
    public async Task A_path_that_leaves_is_refused(string name)
    {
        await RefusedAsync(ArchiveBytes.File(name));
        Assert.Equal(["a"], Directory.GetFileSystemEntries(_scratch.Path).Select(Path.GetFileName));
        Assert.Equal(["target"], Directory.GetFileSystemEntries(_scratch["a"]).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("/etc")]
    [InlineData("..")]
    [InlineData("../target/x")]
    [InlineData("inside/../../..")]
    public async Task A_link_that_points_outside_is_left_out(string target)
    {
        var archive = await ArchiveBytes.OfAsync(ArchiveBytes.Link("link", target), ArchiveBytes.File("file"));
        Assert.Equal(1, await ArchiveBytes.UnpackAsync(archive, Target));
        Assert.Null(new FileInfo(Path.Combine(Target, "link")).LinkTarget);
    }

    [Fact]
    public async Task A_link_that_looks_inside_through_another_link_is_left_out()
    {
        // here -> . makes "here/.." the parent of the root, whatever it reads as.
        var archive = await ArchiveBytes.OfAsync(ArchiveBytes.Link("here", "."), ArchiveBytes.Link("out", "here/../target/file"));
        Assert.Equal(1, await ArchiveBytes.UnpackAsync(archive, Target));
    }

    [Fact]
    public async Task A_link_within_is_kept_even_upwards()
    {
        var archive = await ArchiveBytes.OfAsync(ArchiveBytes.File("file"), ArchiveBytes.Link("x/y/link", "../../file"));
        Assert.Equal(0, await ArchiveBytes.UnpackAsync(archive, Target));
        Assert.Equal("content", File.ReadAllText(Path.Combine(Target, "x/y/link")));
    }

    [Fact]
    public async Task Nothing_is_written_through_a_link()
    {
        var outside = _scratch.Directory("a/outside");
        await RefusedAsync(ArchiveBytes.File("real/file"), ArchiveBytes.Link("link", "real"), ArchiveBytes.File("link/escaped"));
        Assert.False(File.Exists(Path.Combine(Target, "real/escaped")));

        // Left out as a link, its name is free for a directory: what lies "below the link" stays inside.
        await ArchiveBytes.UnpackAsync(
            await ArchiveBytes.OfAsync(ArchiveBytes.Link("out", "../outside"), ArchiveBytes.File("out/file")), _scratch.Directory(
                "a/second"));
        Assert.Empty(Directory.GetFileSystemEntries(outside));
    }

    [Fact]
    public async Task A_file_takes_a_links_place_and_not_its_targets()
    {
        var archive = await ArchiveBytes.OfAsync(
            ArchiveBytes.File("file", "old"), ArchiveBytes.Link("name", "file"), ArchiveBytes.File("name", "new"));
        await ArchiveBytes.UnpackAsync(archive, Target);
        Assert.Equal("old", File.ReadAllText(Path.Combine(Target, "file")));
        Assert.Equal("new", File.ReadAllText(Path.Combine(Target, "name")));
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("../secret")]
    [InlineData("missing")]
    [InlineData(".")]
    public async Task A_hard_link_to_anything_but_the_archives_own_files_is_refused(string target)
    {
        File.WriteAllText(_scratch["secret"], "secret");
        await RefusedAsync(ArchiveBytes.HardLink("link", target));
    }

    [Fact]
    public async Task A_hard_link_through_or_to_a_link_is_refused()
    {
        await RefusedAsync(ArchiveBytes.File("d/f"), ArchiveBytes.Link("l", "d"), ArchiveBytes.HardLink("h", "l/f"));
        await RefusedAsync(ArchiveBytes.File("f"), ArchiveBytes.Link("l", "f"), ArchiveBytes.HardLink("h", "l"));
    }

    [Fact]
    public async Task A_hard_link_within_shares_its_content()
    {
        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfAsync(ArchiveBytes.File("d/f"), ArchiveBytes.HardLink("h", "d/f")), Target);
        File.AppendAllText(Path.Combine(Target, "d/f"), " more");
        Assert.Equal("content more", File.ReadAllText(Path.Combine(Target, "h")));
    }

    [Theory]
    [InlineData(TarEntryType.CharacterDevice)]
    [InlineData(TarEntryType.BlockDevice)]
    public async Task A_device_is_refused(TarEntryType type)
    {
        await RefusedAsync(new PaxTarEntry(type, "device") { DeviceMajor = 1, DeviceMinor = 3 });
        Assert.Empty(Directory.GetFileSystemEntries(Target));
    }

    [Fact]
    public async Task A_set_uid_bit_is_not_restored()
    {
        var entry = ArchiveBytes.File("su");
        entry.Mode = (UnixFileMode)Convert.ToInt32("6755", 8);
        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfAsync(entry), Target);
        Assert.Equal((UnixFileMode)Convert.ToInt32("755", 8), File.GetUnixFileMode(Path.Combine(Target, "su")));
    }

    [Fact]
    public async Task A_bomb_is_stopped_before_it_fills_the_disk()
    {
        var archive = await ArchiveBytes.OfTarAsync(async tar =>
        {
            await using var writer = new TarWriter(tar, leaveOpen: true);
            await using var zeros = new FixedLengthFile(File.OpenHandle("/dev/zero"), 50_000_000);
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "bomb") { DataStream = zeros });
        });
        Assert.True(archive.Length < 300_000, "it is small before it is unpacked");

        var refusal = await Assert.ThrowsAsync<DamagedArchiveException>(
            () => ArchiveBytes.UnpackAsync(archive, Target, limits: new ArchiveLimits(1_000_000, 10)));
        Assert.Contains("1000000 bytes", refusal.Message, StringComparison.Ordinal);
        Assert.True(new FileInfo(Path.Combine(Target, "bomb")).Length <= 1_000_000);
    }

    [Fact]
    public async Task Zeros_after_the_end_of_the_archive_are_a_bomb_too()
    {
        var archive = await ArchiveBytes.OfTarAsync(async tar => await tar.WriteAsync(new byte[2_000_000]));
        await Assert.ThrowsAsync<DamagedArchiveException>(
            () => ArchiveBytes.UnpackAsync(archive, Target, limits: new ArchiveLimits(1_000_000, 10)));
    }

    [Fact]
    public async Task Too_many_entries_are_refused()
    {
        var entries = Enumerable.Range(0, 11).Select(i => ArchiveBytes.File($"f{i}", "")).ToArray();
        var archive = await ArchiveBytes.OfAsync(entries);
        await ArchiveBytes.UnpackAsync(archive, Target, limits: new ArchiveLimits(1_000_000, 11));
        await Assert.ThrowsAsync<DamagedArchiveException>(() =>
            ArchiveBytes.UnpackAsync(archive, _scratch.Directory("b"), limits: new ArchiveLimits(1_000_000, 10)));
    }

    [Fact]
    public async Task Too_deep_a_path_is_refused() =>
        await RefusedAsync(ArchiveBytes.File(string.Concat(Enumerable.Repeat("d/", 200)) + "f"));

    [Theory]
    [InlineData('x')]
    [InlineData('g')]
    [InlineData('L')]
    [InlineData('K')]
    public async Task An_extended_header_that_asks_for_gigabytes_is_refused(char type) =>
        await Assert.ThrowsAsync<DamagedArchiveException>(async () =>
            await ArchiveBytes.UnpackAsync(
                await ArchiveBytes.OfTarAsync(tar => tar.WriteAsync(Header(type, 2_000_000_000)).AsTask()), Target));

    [Theory]
    [InlineData("20 size=8589934592\n", "changes the size")]
    [InlineData("9 mtime=1\n20 size=8589934592\n", "changes the size")]
    [InlineData("21 path=a\n11 size=512\n", "changes the size")]
    [InlineData("22 GNU.sparse.major=1\n", "sparse")]
    [InlineData("23 GNU.sparse.size=512\n", "sparse")]
    public async Task An_extended_header_that_changes_what_an_entry_holds_is_refused(string records, string reason)
    {
        var refusal = await Assert.ThrowsAsync<DamagedArchiveException>(
            async () => await ArchiveBytes.UnpackAsync(await ExtendedAsync(records), Target));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_extended_header_that_only_mentions_a_size_is_read()
    {
        Assert.Equal(0, await ArchiveBytes.UnpackAsync(await ExtendedAsync("17 path=a size b\n19 comment= size=1\n"), Target));
        Assert.Equal(["a size b"], Directory.GetFileSystemEntries(Target).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_sparse_file_of_the_tar_program_is_refused_and_not_unpacked_as_something_else()
    {
        await using (var sparse = File.Create(Path.Combine(_scratch.Directory("source"), "sparse")))
        {
            sparse.SetLength(5_000_000);
            sparse.Seek(0, SeekOrigin.End);
            sparse.Write("end"u8);
        }

        using (var tar = System.Diagnostics.Process.Start(
            "tar", ["-S", "--format=pax", "-c", "-f", _scratch["archive"], "-C", _scratch["source"], "."]))
        {
            await tar.WaitForExitAsync();
        }

        var archive = await ArchiveBytes.OfTarAsync(async tar => await tar.WriteAsync(await File.ReadAllBytesAsync(_scratch["archive"])));
        var refusal = await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(archive, Target));
        Assert.Contains("sparse", refusal.Message, StringComparison.Ordinal);
    }

    private static Task<byte[]> ExtendedAsync(string records) => ArchiveBytes.OfTarAsync(async tar =>
    {
        var content = new byte[512];
        Encoding.ASCII.GetBytes(records).CopyTo(content, 0);
        await tar.WriteAsync(Header('x', records.Length));
        await tar.WriteAsync(content);
        await tar.WriteAsync(Header('0', 0));
        await tar.WriteAsync(new byte[1024]);
    });

    private async Task RefusedAsync(params TarEntry[] entries)
    {
        var archive = await ArchiveBytes.OfAsync(entries);
        await Assert.ThrowsAsync<DamagedArchiveException>(() => ArchiveBytes.UnpackAsync(archive, Target));
    }

    private static byte[] Header(char type, long size)
    {
        var header = new byte[512];
        Encoding.ASCII.GetBytes("name").CopyTo(header, 0);
        Encoding.ASCII.GetBytes("0000644\0" + "0000000\0" + "0000000\0" + Convert.ToString(size, 8).PadLeft(11, '0') + "\0" + "00000000000\0" + "        ").CopyTo(header, 100);
        header[156] = (byte)type;
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        var sum = header.Sum(b => b);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        return header;
    }
}
