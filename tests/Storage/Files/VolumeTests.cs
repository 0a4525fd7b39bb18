using HostService.Infrastructure;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Storage.Files;

/// <summary>The host's directories where an operator has a volume of their own, on real mounts.</summary>
public sealed class VolumeTests : IDisposable
{
    private const string Privileged = "/dev/fuse";
    private readonly ScratchDirectory _scratch = new();
    private readonly HostOptions _options;

    public VolumeTests() => _options = new HostOptions
    {
        Root = _scratch["fractal"],
        PrivateRoot = _scratch["private"],
        CloudStorageRoot = _scratch.Directory("cloud"),
        OnLeftovers = "reclaim",
    };

    public void Dispose()
    {
        foreach (var point in new[] { _options.CloudStorageRoot, _options.Root }.Where(MountTable.IsMounted))
        {
            MountCalls.Unmount(point, MountCalls.Detach);
        }

        _scratch.Dispose();
    }

    [NeedsFact(Privileged, "mount")]
    public async Task The_end_leaves_a_volume_that_the_service_did_not_mount_and_takes_its_own_mounts_away()
    {
        await MountVolumeAsync();
        using var directories = Directories();
        directories.Make();
        Assert.True(MountPoints.IsShared(_options.CloudStorageRoot));

        directories.RemoveAll();

        Assert.True(MountTable.IsMounted(_options.CloudStorageRoot));
        Assert.False(MountTable.IsMounted(_options.Root));
        Assert.False(Directory.Exists(_options.Root));
    }

    [NeedsFact(Privileged, "mount")]
    public async Task Reclaiming_takes_away_what_the_crashed_run_mounted_and_nothing_else()
    {
        await MountVolumeAsync();
        using (var crashed = Directories())
        {
            crashed.Make();
        }

        using var next = Directories();
        next.Reclaim([]);

        Assert.True(MountTable.IsMounted(_options.CloudStorageRoot));
        Assert.False(MountTable.IsMounted(_options.Root));
        Assert.False(Directory.Exists(_options.Root));
    }

    [NeedsFact(Privileged)]
    public void Without_a_volume_nothing_stays_mounted()
    {
        using var directories = Directories();
        directories.Make();
        Assert.True(MountPoints.IsShared(_options.CloudStorageRoot));

        directories.RemoveAll();

        Assert.False(MountTable.IsMounted(_options.CloudStorageRoot));
        Assert.True(Directory.Exists(_options.CloudStorageRoot));
    }

    [NeedsFact(Privileged, "mount")]
    public async Task What_is_mounted_below_a_directory_is_detached_and_keeps_its_files_also_from_the_same_file_system()
    {
        var outside = _scratch.Directory("outside");
        await File.WriteAllTextAsync(Path.Combine(outside, "precious"), "kept");
        var directory = _scratch.Directory("t");
        var point = _scratch.Directory("t/mounted");
        await Shell.RunAsync("mount --bind \"$1\" \"$2\"", outside, point);

        Assert.False(RecursiveDelete.TryRemove(directory, CancellationToken.None));
        Assert.False(RecursiveDelete.TryRemove(point, CancellationToken.None));
        Assert.True(File.Exists(Path.Combine(point, "precious")));
        await RecursiveDelete.RemoveAsync(directory, CancellationToken.None);

        Assert.False(Directory.Exists(directory));
        Assert.True(File.Exists(Path.Combine(outside, "precious")));
    }

    private HostDirectories Directories() => new(Options.Create(_options), NullLogger<HostDirectories>.Instance);

    private Task<string> MountVolumeAsync() => Shell.RunAsync("mount -t tmpfs volume \"$1\"", _options.CloudStorageRoot);
}
