using System.Diagnostics;
using System.Formats.Tar;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

/// <summary>Whatever a user's files are called, they come back under that name; and <c>tar</c> reads what we wrote.</summary>
public sealed class FileNameTests : IDisposable
{
    private static readonly string[] Odd =
    [
        " size=1", "20 size=99\n", "a\n20 size=99", "a size=1 b", "path=x", "a=b=c", "\n", "\n\n", "new\nline", "new\nline ", " ", "  lead",
        "trail ", "-rf", "--help",
        "'single'", "\"double\"", "back\\slash", "\t", "\u0001", "Grüße", "漢字", "🦊", "e\u0301", "%s", "*", "a=", "=", "GNU.sparse.major=1",
        new string('n', 255),
        new string('=', 255), "é" + new string('x', 253), new string('漢', 85), new string('n', 120) + " ",
        "x\n" + new string('y', 200) + " ",
    ];

    private readonly ScratchDirectory _scratch = new();

    private string Source => _scratch.Directory("source");

    private string Target => _scratch.Directory("target");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Odd_names_of_files_directories_and_links_survive()
    {
        Fill(Odd);
        Assert.Equal(0, await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(Source), Target));
        Assert.Equal(Tree(Source), Tree(Target));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Any_names_survive(int seed)
    {
        Fill(Arbitrary(new Random(seed)).Distinct(StringComparer.Ordinal).Take(40));
        await ArchiveBytes.UnpackAsync(await ArchiveBytes.OfDirectoryAsync(Source), Target);
        Assert.Equal(Tree(Source), Tree(Target));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task The_tar_program_reads_them(int seed)
    {
        Fill(seed == 0 ? Odd : Arbitrary(new Random(seed)).Distinct(StringComparer.Ordinal).Take(40));
        await using (var file = File.Create(_scratch["archive"]))
        {
            await WriteTarAsync(file);
        }

        var start = new ProcessStartInfo("tar", ["-x", "-f", _scratch["archive"], "-C", Target]) { UseShellExecute = false, RedirectStandardError = true };
        using var tar = Process.Start(start)!;
        var complaints = await tar.StandardError.ReadToEndAsync();
        await tar.WaitForExitAsync();
        Assert.Equal((0, ""), (tar.ExitCode, complaints));
        Assert.Equal(Tree(Source), Tree(Target));
    }

    [Fact]
    public async Task A_name_that_is_no_UTF8_is_left_out_and_counted()
    {
        File.WriteAllText(Path.Combine(Source, "good"), "kept");
        await RunAsync("printf x > \"$0\"/$(printf 'caf\\351')", Source);
        using var output = new MemoryStream();
        Assert.Equal(1, await ConfigArchive.WriteAsync(Source, ArchiveKey.New(ArchiveBytes.Token), output, ArchiveBytes.Limits, CancellationToken.None));
        await ArchiveBytes.UnpackAsync(output.ToArray(), Target);
        Assert.Equal(["good"], Directory.GetFileSystemEntries(Target).Select(Path.GetFileName));

        // Nor could the BCL remove it.
        await RunAsync("rm -r \"$0\"", Source);
    }

    [Fact]
    public async Task A_file_above_8_GiB_is_written_with_a_size_that_is_read_back()
    {
        const long size = 0x2_0000_0001;
        await using (var sparse = File.Create(Path.Combine(Source, "large")))
        {
            sparse.SetLength(size);
        }

        // The header is all that is looked at.
        using var head = new FirstBytes();
        await Assert.ThrowsAsync<FirstBytes.FullException>(() => WriteTarAsync(head));
        using var tar = new MemoryStream(head.ToArray());
        await using var guard = new TarGuard(tar, long.MaxValue);
        await using var reader = new TarReader(guard);
        Assert.Equal("./", (await reader.GetNextEntryAsync())!.Name);
        var entry = (await reader.GetNextEntryAsync())!;
        Assert.Equal(("large", size), (entry.Name, entry.Length));
    }

    /// <summary>Each as a file, as a directory with a file in it, and as a link's name and target.</summary>
    private void Fill(IEnumerable<string> names)
    {
        foreach (var kind in (string[])["files", "directories", "links"])
        {
            Directory.CreateDirectory(Path.Combine(Source, kind));
        }

        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(Source, "files", name), name);
            Directory.CreateDirectory(Path.Combine(Source, "directories", name, "sub"));
            File.WriteAllText(Path.Combine(Source, "directories", name, "file"), name);
            File.CreateSymbolicLink(Path.Combine(Source, "links", name), name.EndsWith(' ') ? "target" : name);
        }
    }

    /// <summary>Names of characters that something in tar's formats, or in a reader of them, may trip over.</summary>
    private static IEnumerable<string> Arbitrary(Random random)
    {
        const string characters = "ab=\n 0123'\"\\-./%\tü漢\u0001size";
        while (true)
        {
            var name = string.Concat(Enumerable.Range(0, random.Next(1, 70)).Select(_ => characters[random.Next(characters.Length)]))
                .Replace("/", "", StringComparison.Ordinal);
            if (name is not ("" or "." or "..") && System.Text.Encoding.UTF8.GetByteCount(name) <= 255)
            {
                yield return name;
            }
        }
    }

    private static List<string> Tree(string root) =>
    [
        .. new DirectoryInfo(root).EnumerateFileSystemInfos(
            "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Select(entry => $"{entry.FullName[root.Length..]} "
                + $"{entry.LinkTarget ?? (entry is FileInfo file ? File.ReadAllText(file.FullName) : "directory")}")
            .Order(StringComparer.Ordinal),
    ];

    private static async Task RunAsync(string command, string argument)
    {
        using var shell = Process.Start("sh", ["-c", command, argument]);
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
    }

    private async Task WriteTarAsync(Stream output)
    {
        var writer = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        await new TarPacker(writer, new ArchiveLimits(long.MaxValue, 10_000)).PackAsync(Source, CancellationToken.None);
        await writer.DisposeAsync();
    }

    private sealed class FirstBytes : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return Length < 64 * 1024 ? ValueTask.CompletedTask : throw new FullException();
        }

        public sealed class FullException : Exception;
    }
}
