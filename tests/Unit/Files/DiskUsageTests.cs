using HostService.Infrastructure.Files;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Files;

public sealed class DiskUsageTests : IDisposable
{
    private readonly ScratchDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_is_absent_takes_nothing() => Assert.Equal(0, DiskUsage.Measure(_directory["nothing"], 1));

    [Fact]
    public void Every_entry_counts_and_so_do_the_bytes_in_it()
    {
        var below = Directory.CreateDirectory(_directory["a/b"]).FullName;
        File.WriteAllBytes(Path.Combine(below, "file"), new byte[1 << 20]);
        File.WriteAllText(Path.Combine(below, "empty"), "");

        Assert.InRange(DiskUsage.Measure(_directory["a"], long.MaxValue), (1 << 20) + (3 * DiskUsage.BytesPerEntry), 2 << 20);
    }

    [Fact]
    public void A_name_that_is_no_text_hides_nothing()
    {
        Directory.CreateDirectory(_directory["a"]);
        Shell($"head -c 1048576 /dev/zero >\"$(printf '{_directory["a"]}/\\377')\"");

        var size = DiskUsage.Measure(_directory["a"], long.MaxValue);
        Shell($"rm -rf '{_directory["a"]}'");
        Assert.True(size > 1 << 20);
    }

    [Fact]
    public void Nothing_outside_is_counted_through_a_link()
    {
        File.WriteAllBytes(_directory["big"], new byte[1 << 20]);
        Directory.CreateDirectory(_directory["a"]);
        File.CreateSymbolicLink(_directory["a/file"], _directory["big"]);
        Directory.CreateSymbolicLink(_directory["a/directory"], _directory.Path);

        Assert.InRange(DiskUsage.Measure(_directory["a"], long.MaxValue), 2 * DiskUsage.BytesPerEntry, 1 << 17);
    }

    [Fact]
    public void Counting_ends_above_the_limit()
    {
        Directory.CreateDirectory(_directory["a"]);
        for (var i = 0; i < 100; i++)
        {
            File.WriteAllText(_directory[$"a/{i}"], "");
        }

        const int limit = 3 * DiskUsage.BytesPerEntry;
        Assert.InRange(DiskUsage.Measure(_directory["a"], limit), limit, limit + (2 * DiskUsage.BytesPerEntry));
    }

    [Fact]
    public void A_tree_too_deep_to_count_is_over_every_limit()
    {
        Shell($"mkdir '{_directory["a"]}'; cd '{_directory["a"]}'; for i in $(seq 300); do mkdir d; cd d; done");

        Assert.Equal(long.MaxValue, DiskUsage.Measure(_directory["a"], 1L << 40));
        Shell($"rm -rf '{_directory["a"]}'");
    }

    private static void Shell(string script)
    {
        using var shell = System.Diagnostics.Process.Start("/bin/sh", ["-c", script]);
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }
}
