using System.Diagnostics;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.CloudStorage;

/// <summary>What is left of a drive when the service is killed, and what the next one does about it.</summary>
public sealed class RcloneCrashTests : CloudStorageTestBase
{
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(20);

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task Rclone_ends_with_the_service_also_when_that_is_killed()
    {
        using var service = await StartServiceAsync();
        using var rclone = Process.GetProcessById(Assert.Single(RclonePids()));

        service.Kill();

        await EndedAsync(rclone);
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_drive_whose_rclone_still_runs_is_unmounted_and_its_rclone_ended_once_all_is_uploaded()
    {
        Assert.Null(await MountAsync());
        await File.WriteAllTextAsync(Path.Combine(MountPoint, "file"), "content");

        await Create(TimeProvider.System).ReclaimAsync([], CancellationToken.None);

        Assert.False(MountTable.IsMounted(MountPoint));
        Assert.Empty(RclonePids());
        Assert.Equal("content", await File.ReadAllTextAsync(Path.Combine(Backing, "file")));
        Assert.Empty(Directory.GetFileSystemEntries(CloudRoot));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task A_drive_whose_rclone_died_with_the_service_is_unmounted()
    {
        using var service = await StartServiceAsync();

        // Stopped first, so that it does not unmount the drive itself.
        await Shell.RunAsync(
            "kill -STOP \"$1\" && kill -KILL \"$2\" && kill -KILL \"$1\"", $"{service.Id}", $"{Assert.Single(RclonePids())}");
        await EndedAsync(service);
        Assert.True(MountTable.IsMounted(MountPoint));

        await Storage.ReclaimAsync([], CancellationToken.None);

        Assert.False(MountTable.IsMounted(MountPoint));
        Assert.Empty(Directory.GetFileSystemEntries(CloudRoot));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task The_drive_of_a_mandelbox_that_goes_on_is_unmounted_and_its_directory_stays_for_the_next_one()
    {
        Assert.Null(await MountAsync());
        var bound = Path.GetDirectoryName(MountPoint)!;
        var inode = await Shell.RunAsync("stat -c %i \"$1\"", bound);

        await Create(TimeProvider.System).ReclaimAsync([Path.GetFileName(bound)], CancellationToken.None);

        Assert.False(MountTable.IsMounted(MountPoint));
        Assert.Empty(RclonePids());
        Assert.Equal(inode, await Shell.RunAsync("stat -c %i \"$1\"", bound));
    }

    [Fact]
    public async Task Empty_directories_of_lost_mandelboxes_are_removed_and_files_stay()
    {
        Scratch.Directory("cloud/lost-1");
        Scratch.Directory("cloud/lost-2/Google Drive");
        var file = Path.Combine(Scratch.Directory("cloud/kept/Dropbox"), "file");
        await File.WriteAllTextAsync(file, "content");

        await Storage.ReclaimAsync([], CancellationToken.None);

        Assert.Equal(["kept"], Directory.GetFileSystemEntries(CloudRoot).Select(Path.GetFileName));
        Assert.Equal("content", await File.ReadAllTextAsync(file));
    }

    [NeedsFact(Rclone, Fuse, FuseDevice)]
    public async Task What_somebody_else_mounted_there_stays()
    {
        var foreign = Scratch.Directory("cloud/shared/theirs");
        await Shell.RunAsync("rclone mount \"$1\" \"$2\" --config '' --daemon", Backing, foreign);
        try
        {
            Assert.Null(await MountAsync());
            await Create(TimeProvider.System).ReclaimAsync([], CancellationToken.None);

            Assert.True(MountTable.IsMounted(foreign));
            Assert.False(MountTable.IsMounted(MountPoint));
        }
        finally
        {
            await Shell.RunAsync("fusermount3 -uz \"$1\"", foreign);
        }
    }

    private static async Task EndedAsync(Process process)
    {
        using var timeout = new CancellationTokenSource(EndTimeout);
        await process.WaitForExitAsync(timeout.Token);
    }

    /// <summary>A process that has mounted the drive.</summary>
    private async Task<Process> StartServiceAsync()
    {
        var service = Process.Start(
            new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "mount", CloudRoot, Mandelbox, Backing])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            })!;
        Assert.Equal("mounted", await service.StandardOutput.ReadLineAsync());
        return service;
    }
}
