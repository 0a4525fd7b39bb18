using System.Diagnostics;
using System.Security.Cryptography;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.CloudStorage;

public sealed class RcloneTests : CloudStorageTestBase
{
    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_mounted_drive_shows_its_files_and_keeps_what_is_written()
    {
        await File.WriteAllTextAsync(Path.Combine(Backing, "there"), "from the cloud");
        Assert.Null(await MountAsync());
        Assert.Equal("from the cloud", await File.ReadAllTextAsync(Path.Combine(MountPoint, "there")));
        await File.WriteAllTextAsync(Path.Combine(MountPoint, "new"), "from the user");

        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);

        Assert.Equal("from the user", await File.ReadAllTextAsync(Path.Combine(Backing, "new")));
        Assert.Empty(Directory.GetFileSystemEntries(CloudRoot));
        Assert.Empty(RclonePids());
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task What_is_written_at_the_last_moment_is_uploaded_before_the_end()
    {
        Assert.Null(await MountAsync());
        var content = RandomNumberGenerator.GetBytes(50_000_000);
        await File.WriteAllBytesAsync(Path.Combine(MountPoint, "large"), content);
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Equal(SHA256.HashData(content), SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(Backing, "large"))));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task Small_files_closed_just_before_the_end_are_never_lost()
    {
        for (var round = 0; round < 20; round++)
        {
            Assert.Null(await MountAsync());
            for (var i = 0; i < 10; i++)
            {
                File.WriteAllText(Path.Combine(MountPoint, $"{round}-{i}"), $"{round} {i}");
            }

            await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
            Assert.All(Enumerable.Range(0, 10), i => Assert.Equal($"{round} {i}", File.ReadAllText(Path.Combine(Backing, $"{round}-{i}"))));
        }
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task No_secret_is_in_the_process_list_a_log_or_a_file()
    {
        Assert.Null(await MountAsync());
        await File.WriteAllTextAsync(Path.Combine(MountPoint, "file"), "content");

        Assert.NotEmpty(RclonePids());
        Assert.DoesNotContain(Secret, await Shell.RunAsync("ps -eww -o args"), StringComparison.Ordinal);
        Assert.Equal("", await Shell.RunAsync(
            "grep -rlsF \"$1\" \"$2\" /etc /run /var/log /var/tmp \"$HOME\"/.config || true", Secret, Scratch.Path));
        foreach (var pid in RclonePids())
        {
            Assert.Equal(UnixFileMode.UserRead, File.GetUnixFileMode($"/proc/{pid}/environ"));
        }

        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.NotEmpty(Log.Lines);
        Assert.DoesNotContain(Log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_drive_mounted_twice_is_one_mount()
    {
        Assert.All(await Task.WhenAll(MountAsync(), MountAsync()), Assert.Null);
        Assert.Single(RclonePids());
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_mandelbox_may_have_several_drives()
    {
        Providers["second"] =
            new CloudProvider { Type = "alias", Directory = "Second", Options = { ["remote"] = Scratch.Directory("second") } };
        Assert.All(await Task.WhenAll(MountAsync(), MountAsync("second")), Assert.Null);
        await File.WriteAllTextAsync(Path.Combine(CloudRoot, Mandelbox, "Second", "a"), "content");
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.True(File.Exists(Scratch["second/a"]));
        Assert.Empty(Directory.GetFileSystemEntries(CloudRoot));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task Unmounting_may_be_repeated_and_needs_no_mount()
    {
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Null(await MountAsync());
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Null(await MountAsync());
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_directory_that_is_not_empty_is_never_removed()
    {
        Assert.Null(await MountAsync());
        await File.WriteAllTextAsync(Path.Combine(CloudRoot, Mandelbox, "beside"), "the user's");
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Assert.Equal("the user's", await File.ReadAllTextAsync(Path.Combine(CloudRoot, Mandelbox, "beside")));
        Assert.False(Directory.Exists(MountPoint));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task What_an_earlier_run_of_the_service_mounted_is_unmounted_too()
    {
        Assert.Null(await MountAsync());
        await File.WriteAllTextAsync(Path.Combine(MountPoint, "file"), "content");

        await Create(TimeProvider.System).UnmountAllAsync(Mandelbox, CancellationToken.None);

        Assert.False(Directory.Exists(MountPoint));
        await Log.LineAsync("rclone ended by itself");
        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(Backing, "file")));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice, "unshare")]
    public async Task A_drive_mounted_later_is_seen_where_its_directory_was_bound_before_as_in_a_container()
    {
        await File.WriteAllTextAsync(Path.Combine(Backing, "there"), "from the cloud");
        var made = SharedMount.Ensure(CloudRoot);
        try
        {
            Assert.False(SharedMount.Ensure(CloudRoot), "repeating makes no second mount");
            var bound = Directory.CreateDirectory(Path.Combine(CloudRoot, Mandelbox)).FullName;

            // Another mount namespace with a slave copy, which is what Docker makes of a bind with propagation; it looks when it is told
            // to.
            using var container = Start("unshare", "--mount", "--propagation", "slave", "sh", "-c",
                "echo up; while read -r f; do cat \"$f\" 2>/dev/null || echo nothing; done", "sh", bound);
            Assert.Equal("up", await container.StandardOutput.ReadLineAsync());
            Assert.Null(await MountAsync());
            Assert.Equal("from the cloud", await LookAsync(container));
            await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
            Assert.Equal("nothing", await LookAsync(container));
            container.StandardInput.Close();
            await container.WaitForExitAsync();
        }
        finally
        {
            if (made)
            {
                SharedMount.Release(CloudRoot);
            }
        }
    }

    private async Task<string?> LookAsync(Process container)
    {
        await container.StandardInput.WriteLineAsync(Path.Combine(MountPoint, "there"));
        var buffer = new char[100];
        return new string(buffer, 0, await container.StandardOutput.ReadAsync(buffer)).TrimEnd();
    }

    private static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
}
