using System.Collections.Concurrent;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Mounts;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Cloud drives by rclone and FUSE (B29).</summary>
internal sealed class RcloneCloudStorage(
    IOptions<CloudStorageOptions> options, IOptions<HostOptions> host, TimeProvider timeProvider, ILogger<RcloneCloudStorage> log) : ICloudStorage
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

            // The umask may have taken away what the users inside need.
            File.SetUnixFileMode(DirectoryOf(mandelboxId), ReadableByAll);
        }
        finally
        {
            drives.Gate.Release();
        }
    }

    public async Task<string?> MountAsync(string mandelboxId, CloudDrive drive, CancellationToken cancellationToken)
    {
        if (!_options.Providers.TryGetValue(drive.Provider, out var provider))
            return $"provider is none of {string.Join(", ", _options.Providers.Keys.Order(StringComparer.Ordinal))}";
        if (RcloneCommand.Fault(drive) is { } fault)
            return fault;
        if (WhatIsMissing() is { } missing)
            return missing;

        var drives = await EnterAsync(mandelboxId, cancellationToken);
        try
        {
            if (drives.Mounted.TryGetValue(drive.Provider, out var there))
            {
                if (there.IsAlive)
                    return null;
                await there.ForgetAsync();
                drives.Mounted.Remove(drive.Provider);
            }

            var place = new DrivePlace(
                mandelboxId,
                drive.Provider,
                Path.Combine(DirectoryOf(mandelboxId), provider.Directory),
                Path.Combine(CacheOf(mandelboxId), drive.Provider));
            MakeCache(place.Cache);
            var (mount, refusal) = await DriveMount.StartAsync(place, provider, drive, _options, timeProvider, log, cancellationToken);
            if (mount is null)
            {
                // Not the mandelbox's own directory: its container has it bound, and would never see a new one of that name.
                RemoveEmpty(mandelboxId, [place.MountPoint]);
                RemoveEmptyCache(mandelboxId);
                return refusal;
            }

            drives.Mounted.Add(drive.Provider, mount);
            log.Mounted(mandelboxId, drive.Provider, place.MountPoint);
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
                log.Unmounted(mandelboxId, mount.Place.Provider);
            })));

            // Also what an earlier run of the service mounted: its rclone ends once it is detached.
            var directory = DirectoryOf(mandelboxId);
            foreach (var path in MountTable.Below(directory))
            {
                await AttemptAsync(async () =>
                {
                    await FuseUnmount.SettleAsync(path, timeProvider, cancellationToken);
                    await FuseUnmount.DetachAsync(path, cancellationToken);
                });
            }

            if (Directory.Exists(directory))
                RemoveEmpty(mandelboxId, [.. Directory.EnumerateDirectories(directory), directory]);
            RemoveEmptyCache(mandelboxId);
        }
        finally
        {
            drives.Closed = true;
            _drives.TryRemove(KeyValuePair.Create(mandelboxId, drives));
            drives.Gate.Release();
        }

        if (failures.Count > 0)
            throw new AggregateException($"Not every cloud drive of {mandelboxId} ended well.", failures);

        async Task AttemptAsync(Func<Task> step)
        {
            try
            {
                await step();
            }
            catch (Exception e)
            {
                // Each is tried whatever happened to the others; all failures are thrown together below.
                lock (failures)
                    failures.Add(e);
            }
        }
    }

    /// <summary>Mounting and unmounting for one mandelbox take turns; mandelboxes do not wait for each other.</summary>
    private async Task<Drives> EnterAsync(string mandelboxId, CancellationToken cancellationToken)
    {
        if (!PathNames.IsOne(mandelboxId))
            throw new ArgumentException("A mandelbox id is one name, without '/'.", nameof(mandelboxId));

        while (true)
        {
            var drives = _drives.GetOrAdd(mandelboxId, static _ => new Drives());
            await drives.Gate.WaitAsync(cancellationToken);
            if (!drives.Closed)
                return drives;
            drives.Gate.Release();
        }
    }

    private string DirectoryOf(string mandelboxId) => Path.Combine(Path.GetFullPath(host.Value.CloudStorageRoot), mandelboxId);

    /// <summary>
    /// Not below the host's root, which goes with the service: what was not uploaded is a user's, and only here. No mandelbox id begins with a dot.
    /// </summary>
    private string CacheRoot => Path.GetFullPath(_options.CacheRoot ?? Path.Combine(host.Value.CloudStorageRoot, ".cache"));

    private string CacheOf(string mandelboxId) => Path.Combine(CacheRoot, mandelboxId);

    private void MakeCache(string cache)
    {
        lock (_caches)
        {
            foreach (var directory in (string[])[CacheRoot, Path.GetDirectoryName(cache)!, cache])
                Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>The mandelbox's, and the one of all of them where it is ours to choose.</summary>
    private void RemoveEmptyCache(string mandelboxId)
    {
        lock (_caches)
        {
            RemoveEmpty(mandelboxId, [CacheOf(mandelboxId)]);
            if (_options.CacheRoot is null && Directory.Exists(CacheRoot) && !Directory.EnumerateFileSystemEntries(CacheRoot).Any())
                Directory.Delete(CacheRoot);
        }
    }

    /// <summary>Never what is not empty: it may be a user's files.</summary>
    private void RemoveEmpty(string mandelboxId, IEnumerable<string> directories)
    {
        foreach (var directory in directories.Where(Directory.Exists))
        {
            if (MountTable.IsMounted(directory) || Directory.EnumerateFileSystemEntries(directory).Any())
                log.NotEmpty(mandelboxId, directory);
            else
                Directory.Delete(directory);
        }
    }

    private string? WhatIsMissing()
    {
        if (!IsProgram(_options.Rclone))
            return $"{_options.Rclone} is not installed: apt-get install rclone";
        if (!IsProgram("fusermount3"))
            return "fusermount3 is not installed: apt-get install fuse3";
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

        /// <summary>Taken out of the table: who waited for it enters another.</summary>
        public bool Closed { get; set; }
    }
}
