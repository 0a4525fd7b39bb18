using System.Globalization;
using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;
using Xunit.Abstractions;

namespace HostService.Tests.Storage.UserConfigs;

[Collection(nameof(S3Server))]
public sealed class RoundTripTests(S3Server server, ITestOutputHelper output) : S3TestBase(server)
{
    private const string WithPrograms = "openssl enc -aes-256-cbc -pbkdf2 -pass pass:" + Stores.Token;

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_first_run_is_no_error()
    {
        Assert.Equal(new FetchAnswer(FetchOutcome.FirstRun), await FetchAsync());
        AssertNothingUnpacked();
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task What_was_saved_is_restored_into_the_directory_that_is_mounted_already()
    {
        Directory.CreateDirectory(Path.Combine(Source, "Default/Cache"));
        File.WriteAllText(Path.Combine(Source, "Default/Preferences"), "{}");
        File.CreateSymbolicLink(Path.Combine(Source, "current"), "Default");
        Assert.Equal(new SaveAnswer(Saved: true), await SaveAsync());

        File.WriteAllText(Path.Combine(Target, "there-before"), "kept");
        Directory.CreateDirectory(Path.Combine(Target, "Default/old"));
        var inode = await Shell.RunAsync("stat -c %i \"$1\"", Target);
        Assert.Equal(new FetchAnswer(FetchOutcome.Restored), await FetchAsync());

        Assert.Equal(inode, await Shell.RunAsync("stat -c %i \"$1\"", Target));
        Assert.Equal(["Default", "current", "there-before"], Directory.GetFileSystemEntries(Target).Select(Path.GetFileName).Order(
            StringComparer.Ordinal));
        Assert.Equal("{}", File.ReadAllText(Path.Combine(Target, "current/Preferences")));
        Assert.Equal(["Cache", "Preferences"], Directory.GetFileSystemEntries(Path.Combine(Target, "Default")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(Target)!));
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task A_later_save_replaces_an_earlier_one()
    {
        File.WriteAllText(Path.Combine(Source, "a"), "1");
        Assert.True((await SaveAsync()).Saved);
        File.WriteAllText(Path.Combine(Source, "a"), "2");
        Assert.True((await SaveAsync("another token")).Saved);
        Assert.Equal(FetchOutcome.Restored, (await FetchAsync("another token")).Outcome);
        Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a")));
    }

    [NeedsFact("node", Needs.S3Server, "lz4", "openssl", "tar")]
    public async Task An_archive_made_by_tar_lz4_and_openssl_is_read()
    {
        await FillAsync(20_000_000);
        await Shell.RunAsync($"tar -I lz4 -C \"$1\" -c . | {WithPrograms} > \"$2\"", Source, Scratch["made"]);
        await StoreAsync(await File.ReadAllBytesAsync(Scratch["made"]));

        Assert.Equal(new FetchAnswer(FetchOutcome.Restored), await FetchAsync());
        await AssertSameAsync(Source, Target);
    }

    [NeedsFact("node", Needs.S3Server, "lz4", "openssl", "tar")]
    public async Task Ours_is_read_by_openssl_lz4_and_tar()
    {
        await FillAsync(20_000_000);
        Assert.True((await SaveAsync()).Saved);
        await File.WriteAllBytesAsync(Scratch["stored"], await StoredAsync());

        var complaints = await Shell.RunAsync($"{WithPrograms} -d -in \"$1\" | tar -I lz4 -C \"$2\" -x 2>&1", Scratch["stored"], Target);
        Assert.Equal("", complaints);
        await AssertSameAsync(Source, Target);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task Files_that_change_grow_shrink_and_vanish_meanwhile_are_no_failure()
    {
        await FillAsync(30_000_000);
        using var done = new CancellationTokenSource();
        var busy = Path.Combine(Source, "busy");
        var meddling = Task.Run(() =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                File.WriteAllBytes(busy, new byte[i % 7 * 50_000]);
                var name = Path.Combine(Source, $"short-lived-{i % 50}");
                if (File.Exists(name))
                {
                    File.Delete(name);
                }
                else
                {
                    File.WriteAllBytes(name, new byte[i % 5 * 10_000]);
                }
            }
        });

        var saved = await SaveAsync();
        await done.CancelAsync();
        await meddling;

        Assert.Equal(new SaveAnswer(Saved: true), saved);
        Assert.Equal(FetchOutcome.Restored, (await FetchAsync()).Outcome);
        await Shell.RunAsync("diff -r -x busy -x 'short-lived-*' \"$1\" \"$2\"", Source, Target);
    }

    [NeedsFact("node", Needs.S3Server)]
    public async Task Two_hundred_megabytes_take_less_than_64_of_memory()
    {
        // All memory of the process counts, native too; and the managed heap may never hold more than 48 MiB.
        const int size = 200_000_000;
        await FillAsync(size);
        var program = typeof(RoundTripTests).Assembly.Location;
        var figures = (await Shell.RunAsync(
            "DOTNET_GCHeapHardLimit=0x3000000 exec dotnet \"$@\"", program, "round-trip", Server.Url, S3Server.Bucket, Source, Target))
            .Split(' ').Select(figure => long.Parse(figure, CultureInfo.InvariantCulture)).ToArray();
        var (baseline, peak) = (figures[0] / 1024, figures[1] / 1024);
        output.WriteLine($"{baseline} MiB before, {peak} MiB at most; saved at {size / 1000 / figures[2]} MB/s, fetched at "
            + $"{size / 1000 / figures[3]} MB/s");

        Assert.True(peak - baseline < 64, $"{baseline} MiB before, {peak} MiB at most");
        await AssertSameAsync(Source, Target);
    }

    /// <summary>A profile: a few large files, many small ones; half of it noise, which does not compress.</summary>
    private async Task FillAsync(int bytes)
    {
        Directory.CreateDirectory(Path.Combine(Source, "small"));
        await using (var noise = File.Create(Path.Combine(Source, "noise")))
        {
            for (var left = bytes / 2; left > 0; left -= 1_000_000)
            {
                await noise.WriteAsync(RandomNumberGenerator.GetBytes(Math.Min(left, 1_000_000)));
            }
        }

        await using (var text = File.Create(Path.Combine(Source, "text")))
        {
            var line = "all work and no play makes a dull file\n"u8.ToArray();
            for (var left = bytes * 2 / 5; left > 0; left -= line.Length)
            {
                text.Write(line);
            }
        }

        for (var i = 0; i < 100; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(Source, $"small/{i}"), RandomNumberGenerator.GetBytes(bytes / 1000));
        }

        File.SetUnixFileMode(Path.Combine(Source, "small/7"), UnixFileMode.UserRead);
        File.CreateSymbolicLink(Path.Combine(Source, "link"), "small/7");
    }

    private static async Task AssertSameAsync(string expected, string actual)
    {
        await Shell.RunAsync("diff -r \"$1\" \"$2\"", expected, actual);
        const string listing = "cd \"$1\" && find . -mindepth 1 ! -type l -printf '%p %m %U %G %Ts %s\\n' | grep -v ' 4096$' | sort; "
            + "cd \"$1\" && find . -type l -printf '%p %l\\n'";
        Assert.Equal(await Shell.RunAsync(listing, expected), await Shell.RunAsync(listing, actual));
    }
}
