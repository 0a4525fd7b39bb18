using System.ComponentModel;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Mounts;
using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Where a drive goes and for whom.</summary>
/// <param name="Cache">Files on their way to the drive; there already, and root's alone.</param>
internal sealed record DrivePlace(string MandelboxId, string Provider, string MountPoint, string Cache);

/// <summary>One mounted drive: a running rclone and its mount point.</summary>
internal sealed class DriveMount
{
    /// <summary>For rclone to unmount and end after it was asked to.</summary>
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);
    private readonly DrivePlace _place;
    private readonly RcloneProcess _rclone;
    private readonly NotifySocket _ready;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _log;
    private readonly Task _watch;
    private volatile bool _ending;

    private DriveMount(DrivePlace place, RcloneProcess rclone, NotifySocket ready, TimeProvider timeProvider, ILogger log)
    {
        (_place, _rclone, _ready, _timeProvider, _log) = (place, rclone, ready, timeProvider, log);
        _watch = Task.WhenAll(ready.DrainAsync(), WatchAsync());
    }

    public DrivePlace Place => _place;

    public bool IsAlive => !_rclone.Ended.IsCompleted;

    /// <returns>The mount, or why there is none.</returns>
    public static async Task<(DriveMount? Mount, string? Refusal)> StartAsync(
        DrivePlace place,
        CloudProvider provider,
        CloudDrive drive,
        CloudStorageOptions options,
        TimeProvider timeProvider,
        ILogger log,
        CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(place.MountPoint);
        var ready = new NotifySocket();
        RcloneProcess? rclone = null;
        try
        {
            rclone = RcloneProcess.Start(
                RcloneCommand.Build(options.Rclone, provider, drive, place.MountPoint, place.Cache, ready.Address),
                new SecretScrubber(drive),
                line => log.RcloneSaid(place.MandelboxId, place.Provider, line));
            if (await RefusalAsync(rclone, ready, place, options.MountTimeout, timeProvider, cancellationToken) is not { } refusal)
                return (new DriveMount(place, rclone, ready, timeProvider, log), null);

            await DiscardAsync(rclone, ready, place, timeProvider);
            return (null, refusal);
        }
        catch (Win32Exception e)
        {
            ready.Dispose();
            return (null, $"rclone could not be started: {e.Message}");
        }
        catch (OperationCanceledException) when (rclone is not null)
        {
            await DiscardAsync(rclone, ready, place, timeProvider);
            throw;
        }
    }

    /// <summary>Detaches the drive, waits until all that was written to it is uploaded, and removes its cache.</summary>
    /// <exception cref="IOException">It is still mounted, or something was not uploaded and is kept in the cache.</exception>
    public async Task EndAsync(TimeSpan flushTimeout, CancellationToken cancellationToken)
    {
        _ending = true;
        using var deadline = new CancellationTokenSource(flushTimeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            if (IsAlive)
            {
                await FuseUnmount.SettleAsync(_place.MountPoint, _timeProvider, cancellationToken);
                await Task.WhenAny(_rclone.Ended, RcloneCache.WaitUntilSavedAsync(_place.Cache, either.Token));
            }

            await FuseUnmount.DetachAsync(_place.MountPoint, cancellationToken);

            // Detached, rclone ends by itself once nobody has a file open and what is being uploaded is done.
            await Task.WhenAny(_rclone.Ended, Task.Delay(Timeout.InfiniteTimeSpan, _timeProvider, either.Token));
            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await either.CancelAsync();
            await _rclone.StopAsync(StopGrace, _timeProvider);
            _ready.Dispose();
            await _watch;
            _rclone.Dispose();
        }

        if (RcloneCache.CountUnsaved(_place.Cache) is > 0 and var unsaved)
            throw new IOException($"{unsaved} files written to {_place.Provider} were not uploaded; they are kept in {_place.Cache}, also when the service ends");
        Directory.Delete(_place.Cache, recursive: true);
    }

    /// <summary>After rclone ended by itself: the cache stays, so that the next one uploads what this one could not.</summary>
    public async Task ForgetAsync()
    {
        _ready.Dispose();
        await _watch;
        _rclone.Dispose();
    }

    private static async Task<string?> RefusalAsync(
        RcloneProcess rclone, NotifySocket ready, DrivePlace place, TimeSpan limit, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(limit, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            while (!MountTable.IsMounted(place.MountPoint))
            {
                var announced = ready.WaitAsync(either.Token);
                if (await Task.WhenAny(announced, rclone.Ended) != announced)
                    return $"rclone ended with {await rclone.Ended}: {rclone.LastWords}";
                await announced;
            }

            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{place.Provider} was not mounted after {limit.TotalSeconds:0.#} s: {rclone.LastWords}";
        }
        finally
        {
            await either.CancelAsync();
        }
    }

    private static async Task DiscardAsync(RcloneProcess rclone, NotifySocket ready, DrivePlace place, TimeProvider timeProvider)
    {
        await rclone.StopAsync(StopGrace, timeProvider);
        rclone.Dispose();
        ready.Dispose();
        await FuseUnmount.DetachAsync(place.MountPoint, CancellationToken.None);
        if (RcloneCache.CountUnsaved(place.Cache) == 0)
            Directory.Delete(place.Cache, recursive: true);
    }

    /// <summary>Reports an rclone that ends by itself, and takes the dead mount away: until then each access to it is an error.</summary>
    private async Task WatchAsync()
    {
        var exitCode = await _rclone.Ended;
        if (_ending)
            return;

        _log.RcloneEnded(_place.MandelboxId, _place.Provider, exitCode, _rclone.LastWords);
        try
        {
            await FuseUnmount.DetachAsync(_place.MountPoint, CancellationToken.None);
        }
        catch (IOException e)
        {
            _log.NotUnmounted(_place.MandelboxId, _place.Provider, e);
        }
    }
}
