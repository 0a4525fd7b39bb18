using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.CloudStorage;

public sealed class RcloneFailureTests : CloudStorageTestBase
{
    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_provider_that_fails_at_once_is_a_reason_and_leaves_nothing()
    {
        Providers["broken"] = new CloudProvider { Type = "alias", Directory = "Broken" };
        var refusal = await MountAsync("broken");
        Assert.Contains("rclone ended with 1", refusal, StringComparison.Ordinal);
        Assert.Contains("alias", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refusal, StringComparison.Ordinal);
        var output = Log.Lines.Zip(Log.EventNames).Where(line => line.First.Contains("rclone's output", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(output);
        Assert.All(output, line => Assert.StartsWith(LogEvents.UserData, line.Second, StringComparison.Ordinal));

        // The directory that a container has bound stays the one that it is.
        Assert.Equal([Mandelbox], Directory.GetFileSystemEntries(CloudRoot).Select(Path.GetFileName));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(CloudRoot, Mandelbox)));
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        AssertNothingLeft();
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_provider_that_does_not_answer_is_given_up_after_15_seconds()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        Providers["silent"] = Ftp(silent);

        var mounting = Create(Clock).MountAsync(Mandelbox, Drive("silent"), CancellationToken.None);
        using var asked = await AskedAsync(silent, mounting);
        Clock.Advance(TimeSpan.FromSeconds(14.9));
        Assert.False(mounting.IsCompleted);
        Clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.StartsWith("silent was not mounted after 15 s", await mounting, StringComparison.Ordinal);
        Assert.Empty(RclonePids());
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        AssertNothingLeft();
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_caller_who_gives_up_leaves_nothing()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        Providers["silent"] = Ftp(silent);
        using var given = new CancellationTokenSource();

        var mounting = Storage.MountAsync(Mandelbox, Drive("silent"), given.Token);
        using var asked = await AskedAsync(silent, mounting);
        await given.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => mounting);
        Assert.Empty(RclonePids());
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_drive_that_is_lost_later_is_reported_unmounted_and_can_be_mounted_again()
    {
        Assert.Null(await MountAsync());
        using (var rclone = Process.GetProcessById(Assert.Single(RclonePids())))
        {
            rclone.Kill();
        }

        var line = await Log.LineAsync("rclone ended by itself");
        Assert.Matches("^Error: .* rclone ended by itself with [0-9]+$", line);
        Assert.Contains(Mandelbox, line, StringComparison.Ordinal);
        Assert.Null(await MountAsync());
        await File.WriteAllTextAsync(Path.Combine(MountPoint, "file"), "content");
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(Backing, "file")));
        AssertNothingLeft();
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task What_a_lost_drive_had_not_uploaded_is_uploaded_by_the_next_or_else_kept_and_named()
    {
        Assert.Null(await MountAsync());
        await using (var unfinished = File.Create(Path.Combine(MountPoint, "unfinished")))
        {
            await unfinished.WriteAsync("half a letter"u8.ToArray());
            await unfinished.FlushAsync();
            using var rclone = Process.GetProcessById(Assert.Single(RclonePids()));
            rclone.Kill();
            await rclone.WaitForExitAsync();
        }

        var failure = await Assert.ThrowsAsync<AggregateException>(() => Storage.UnmountAllAsync(Mandelbox, CancellationToken.None));
        Assert.Contains("1 files written to local were not uploaded", failure.Message, StringComparison.Ordinal);

        // Not where the service's own end, or the next one's reclaiming, would take it away; and nobody else looks into it.
        var kept = Path.Combine(CloudRoot, ".cache");
        Assert.Contains($"kept in {kept}/", failure.Message, StringComparison.Ordinal);
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(kept));

        Assert.Null(await MountAsync());
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Equal("half a letter", await File.ReadAllTextAsync(Path.Combine(Backing, "unfinished")));
        AssertNothingLeft();
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task What_cannot_be_done_is_refused_with_the_reason()
    {
        Assert.Equal("provider is none of local", await MountAsync("floppy_disk"));
        Assert.Equal(
            "/nowhere/rclone is not installed: apt-get install rclone",
            await Create(TimeProvider.System, "/nowhere/rclone").MountAsync(Mandelbox, Drive("local"), CancellationToken.None));
        Assert.StartsWith("expiry", await Storage.MountAsync(Mandelbox, Drive("local") with { Expiry = "soon" }, CancellationToken.None), StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => Storage.MountAsync("../escaped", Drive("local"), CancellationToken.None));
    }

    /// <summary>rclone waits for an FTP server's greeting before it mounts anything.</summary>
    private static CloudProvider Ftp(TcpListener server)
    {
        var address = (IPEndPoint)server.LocalEndpoint;
        return new CloudProvider
        {
            Type = "ftp",
            Directory = "Silent",

            // The password is "pass", as "rclone obscure" writes it.
            Options = { ["host"] = $"{address.Address}", ["port"] = $"{address.Port}", ["user"] = "user", ["pass"] = "66NcYfttxQOGjolHtk5YaPO2NWo" },
        };
    }

    /// <summary>Until rclone has asked the server; a mounting that ends before that fails the test with what it said.</summary>
    private static async Task<Socket> AskedAsync(TcpListener server, Task<string?> mounting)
    {
        var asked = server.AcceptSocketAsync();
        if (await Task.WhenAny(asked, mounting) != asked)
        {
            Assert.Fail($"it was not asked: {await mounting}");
        }

        return await asked;
    }

    private void AssertNothingLeft()
    {
        Assert.Empty(Directory.GetFileSystemEntries(CloudRoot));
        Assert.Empty(RclonePids());
    }
}
