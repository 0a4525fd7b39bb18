using System.Collections.Concurrent;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Cloud drives by rclone and FUSE (B29).</summary>
internal sealed partial class RcloneCloudStorage(
    IOptions<CloudStorageOptions> options, IOptions<HostOptions> host, TimeProvider timeProvider, ILogger<RcloneCloudStorage> logger)
    : ICloudStorage
{
    private const UnixFileMode ReadableByAll = (UnixFileMode)0b111_101_101;
    private readonly CloudStorageOptions _options = options.Value;
    private readonly Lock _caches = new();
    private readonly ConcurrentDictionary<string, Drives> _drives = new(StringComparer.Ordinal);

    public async Task PrepareAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        var drives = await EnterAsync(mandelboxId, cancellationToken);
        try
        {
            Directory.CreateDirectory(DirectoryOf(mandelboxId));

            // The umask may have removed what the users inside need.
            File.SetUnixFileMode(DirectoryOf(mandelboxId), ReadableByAll);
        }
        finally
        {
            drives.Gate.Release();
        }
    }

    public void Move(string mandelboxId, string toMandelboxId) =>
        DirectoryCalls.Move(DirectoryOf(mandelboxId), DirectoryOf(toMandelboxId));

    public async Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken)
    {
        if (!_options.Providers.TryGetValue(drive.Provider, out var provider))
        {
            return $"provider is none of {string.Join(", ", _options.Providers.Keys.Order(StringComparer.Ordinal))}";
        }

        if (RcloneCommand.Fault(drive) is { } fault)
        {
            return fault;
        }

        if (WhatIsMissing() is { } missing)
        {
            return missing;
        }

        var drives = await EnterAsync(mandelboxId, cancellationToken);
        try
        {
            if (drives.Mounted.TryGetValue(drive.Provider, out var there))
            {
                if (there.IsAlive)
                {
                    return null;
                }

                await there.ForgetAsync();
                drives.Mounted.Remove(drive.Provider);
            }

            var place = new DrivePlace(
                mandelboxId,
                drive.Provider,
                Path.Combine(DirectoryOf(mandelboxId), provider.Directory),
                Path.Combine(CacheOf(mandelboxId), drive.Provider));
            CreateCache(place.Cache);
            var (mount, refusal) = await DriveMount.StartAsync(place, provider, drive, _options, timeProvider, logger, cancellationToken);
            if (mount is null)
            {
                // The mandelbox's own directory stays: its container has bound it, and would never see a new one of that name.
                RemoveEmpty(mandelboxId, [place.MountPoint]);
                RemoveEmptyCache(mandelboxId);
                return refusal;
            }

            drives.Mounted.Add(drive.Provider, mount);
            LogMounted(mandelboxId, drive.Provider, place.MountPoint);
            return null;
        }
        finally
        {
            drives.Gate.Release();
        }
    }

    public async Task UnmountAllAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        var drives = await EnterAsync(mandelboxId, cancellationToken);
        var failures = new List<Exception>();
        try
        {
            await Task.WhenAll(drives.Mounted.Values.Select(mount => AttemptAsync(async () =>
            {
                await mount.EndAsync(_options.FlushTimeout, cancellationToken);
                LogUnmounted(mandelboxId, mount.Place.Provider);
            })));

            // Of most mandelboxes it is empty. One in which something is mounted cannot be removed like this.
            var directory = DirectoryOf(mandelboxId);
            if (!DirectoryCalls.TryRemoveDirectory(directory))
            {
                // Also what an earlier run of the service mounted.
                await Task.WhenAll(MountTable.Below(directory)
                    .Select(path => AttemptAsync(() => EndLeftoverAsync(mandelboxId, path, cancellationToken))));
                if (Directory.Exists(directory))
                {
                    RemoveEmpty(mandelboxId, [.. Directory.EnumerateDirectories(directory), directory]);
                }
            }

            RemoveEmptyCache(mandelboxId);
        }
        finally
        {
            drives.Closed = true;
            _drives.TryRemove(KeyValuePair.Create(mandelboxId, drives));
            drives.Gate.Release();
        }

        if (failures.Count > 0)
        {
            throw new AggregateException($"Not every cloud drive of {mandelboxId} ended well.", failures);
        }

        async Task AttemptAsync(Func<Task> step)
        {
            try
            {
                await step();
            }
            catch (Exception exception)
            {
                // Each is tried whatever happened to the others; all failures are thrown together below.
                lock (failures)
                {
                    failures.Add(exception);
                }
            }
        }
    }

    public Task ReclaimAsync(IReadOnlyCollection<string> kept, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Root))
        {
            return Task.CompletedTask;
        }

        var ids = Directory.EnumerateDirectories(Root).Select(Path.GetFileName).OfType<string>().Where(id => !id.StartsWith('.')).ToList();
        var ours = MountTable.Read().Where(mount => mount.Source == RcloneCommand.MountSource).Select(mount => mount.Path).ToList();
        return Task.WhenAll(ids.Select(async id =>
        {
            var drives = ours.Where(path => path.StartsWith(DirectoryOf(id) + '/', StringComparison.Ordinal)).ToList();
            if (drives.Count > 0)
            {
                LogReclaiming(id, string.Join(", ", drives));
            }
            else if (HoldsFiles(DirectoryOf(id)))
            {
                return;
            }

            try
            {
                await (kept.Contains(id)
                    ? Task.WhenAll(drives.Select(path => EndLeftoverAsync(id, path, cancellationToken)))
                    : UnmountAllAsync(id, cancellationToken));
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                LogNotReclaimed(id, exception);
            }
        }));
    }

    /// <summary>Unmounts a drive that an earlier run mounted. Its rclone may still run, or be dead.</summary>
    private async Task EndLeftoverAsync(string mandelboxId, string path, CancellationToken cancellationToken)
    {
        var directory = Path.GetFileName(path);
        var provider = _options.Providers.FirstOrDefault(entry => entry.Value.Directory == directory).Key ?? directory;
        if (RcloneProcess.Find(path, out var cache) is { } rclone)
        {
            var place = new DrivePlace(mandelboxId, provider, path, cache);
            await DriveMount.Adopt(place, rclone, timeProvider, logger).EndAsync(_options.FlushTimeout, cancellationToken);
        }
        else
        {
            await FuseUnmount.DetachAsync(path, timeProvider, cancellationToken);
            RcloneCache.DeleteIfSaved(Path.Combine(CacheOf(mandelboxId), provider), provider);
        }
    }

    /// <summary>Mounting and unmounting for one mandelbox exclude each other; mandelboxes do not wait for each other.</summary>
    private async Task<Drives> EnterAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        if (!PathNames.IsOne(mandelboxId))
        {
            throw new ArgumentException("A mandelbox id is one name, without '/'.", nameof(mandelboxId));
        }

        while (true)
        {
            var drives = _drives.GetOrAdd(mandelboxId, static _ => new Drives());
            await drives.Gate.WaitAsync(cancellationToken);
            if (!drives.Closed)
            {
                return drives;
            }

            drives.Gate.Release();
        }
    }

    private string Root => Path.GetFullPath(host.Value.CloudStorageRoot);

    private string DirectoryOf(string mandelboxId) => Path.Combine(Root, mandelboxId);

    /// <summary>Not below the host's root, which is removed at the end. No mandelbox id begins with a dot.</summary>
    private string CacheRoot => Path.GetFullPath(_options.CacheRoot ?? Path.Combine(host.Value.CloudStorageRoot, ".cache"));

    private string CacheOf(string mandelboxId) => Path.Combine(CacheRoot, mandelboxId);

    private void CreateCache(string cache)
    {
        lock (_caches)
        {
            foreach (var directory in (string[])[CacheRoot, Path.GetDirectoryName(cache)!, cache])
            {
                Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
    }

    /// <summary>The mandelbox's, and the root of all of them unless it is configured.</summary>
    private void RemoveEmptyCache(string mandelboxId)
    {
        lock (_caches)
        {
            RemoveEmpty(mandelboxId, [CacheOf(mandelboxId)]);
            if (_options.CacheRoot is null && Directory.Exists(CacheRoot) && !Directory.EnumerateFileSystemEntries(CacheRoot).Any())
            {
                Directory.Delete(CacheRoot);
            }
        }
    }

    /// <summary>A directory that is not empty stays: it may hold a user's files.</summary>
    private void RemoveEmpty(string mandelboxId, IEnumerable<string> directories)
    {
        foreach (var directory in directories.Where(Directory.Exists))
        {
            if (MountTable.IsMounted(directory) || Directory.EnumerateFileSystemEntries(directory).Any())
            {
                LogNotEmpty(mandelboxId, directory);
            }
            else
            {
                Directory.Delete(directory);
            }
        }
    }

    private static bool HoldsFiles(string directory) => Directory.EnumerateFileSystemEntries(directory)
        .Any(entry => !Directory.Exists(entry) || MountTable.IsMounted(entry) || Directory.EnumerateFileSystemEntries(entry).Any());

    private string? WhatIsMissing()
    {
        if (!IsProgram(_options.Rclone))
        {
            return $"{_options.Rclone} is not installed: apt-get install rclone";
        }

        if (!IsProgram("fusermount3"))
        {
            return "fusermount3 is not installed: apt-get install fuse3";
        }

        return File.Exists("/dev/fuse") ? null : "this machine has no /dev/fuse: modprobe fuse";
    }

    private static bool IsProgram(string name) => name.Contains('/')
        ? File.Exists(name)
        : (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Any(directory => File.Exists(Path.Combine(directory, name)));

    private sealed class Drives
    {
        public SemaphoreSlim Gate { get; } = new(1);

        /// <summary>By provider.</summary>
        public Dictionary<string, DriveMount> Mounted { get; } = new(StringComparer.Ordinal);

        /// <summary>No longer in the table; a caller that waited for it creates a new entry.</summary>
        public bool Closed { get; set; }
    }
}
