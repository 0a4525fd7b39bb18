using System.ComponentModel;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <param name="Cache">An existing directory for files on their way to the drive, readable by root only.</param>
internal sealed record DrivePlace(string MandelboxId, string Provider, string MountPoint, string Cache);

/// <summary>One mounted drive: a running rclone and its mount point.</summary>
internal sealed partial class DriveMount
{
    /// <summary>For rclone to unmount and end after SIGTERM.</summary>
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);
    private readonly DrivePlace _place;
    private readonly RcloneProcess _rclone;
    private readonly NotifySocket? _ready;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly Task _watch;
    private volatile bool _ending;

    private DriveMount(DrivePlace place, RcloneProcess rclone, NotifySocket? ready, TimeProvider timeProvider, ILogger logger)
    {
        (_place, _rclone, _ready, _timeProvider, _logger) = (place, rclone, ready, timeProvider, logger);
        _watch = Task.WhenAll(ready?.DrainAsync() ?? Task.CompletedTask, WatchAsync());
    }

    public DrivePlace Place => _place;

    public bool IsAlive => !_rclone.Ended.IsCompleted;

    /// <summary>Returns the mount, or why there is none.</summary>
    public static async Task<(DriveMount? Mount, string? Refusal)> StartAsync(
        DrivePlace place,
        CloudProvider provider,
        CloudDrive drive,
        CloudStorageOptions options,
        TimeProvider timeProvider,
        ILogger logger,
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
                line => LogRcloneOutput(logger, place.MandelboxId, place.Provider, line));
            if (await WaitUntilMountedAsync(rclone, ready, place, options.MountTimeout, timeProvider, cancellationToken) is not { } refusal)
            {
                return (new DriveMount(place, rclone, ready, timeProvider, logger), null);
            }

            await DiscardAsync(rclone, ready, place, timeProvider);
            return (null, refusal);
        }
        catch (Win32Exception exception)
        {
            ready.Dispose();
            return (null, $"rclone could not be started: {exception.Message}");
        }
        catch (OperationCanceledException) when (rclone is not null)
        {
            await DiscardAsync(rclone, ready, place, timeProvider);
            throw;
        }
    }

    /// <summary>A drive that an earlier run of the service mounted.</summary>
    public static DriveMount Adopt(DrivePlace place, RcloneProcess rclone, TimeProvider timeProvider, ILogger logger) =>
        new(place, rclone, ready: null, timeProvider, logger);

    /// <summary>Unmounts the drive, waits until everything written to it is uploaded, and removes its cache.</summary>
    /// <exception cref="IOException">It is still mounted, or something was not uploaded and is kept in the cache.</exception>
    public async Task EndAsync(TimeSpan flushTimeout, CancellationToken cancellationToken)
    {
        _ending = true;
        using var timeout = new CancellationTokenSource(flushTimeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            if (IsAlive)
            {
                await FuseUnmount.SettleAsync(_place.MountPoint, _timeProvider, cancellationToken);
                await Task.WhenAny(_rclone.Ended, RcloneCache.WaitUntilSavedAsync(_place.Cache, _timeProvider, either.Token));
            }

            await FuseUnmount.DetachAsync(_place.MountPoint, _timeProvider, cancellationToken);

            // Unmounted, rclone ends by itself once no file is open and all uploads are done.
            await Task.WhenAny(_rclone.Ended, Task.Delay(Timeout.InfiniteTimeSpan, _timeProvider, either.Token));
            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await either.CancelAsync();
            await _rclone.StopAsync(StopGrace, _timeProvider);
            await ForgetAsync();
        }

        RcloneCache.DeleteIfSaved(_place.Cache, _place.Provider);
    }

    /// <summary>After rclone has ended: the cache stays, so that the next rclone uploads what this one could not.</summary>
    public async Task ForgetAsync()
    {
        _ready?.Dispose();
        await _watch;
        _rclone.Dispose();
    }

    /// <summary>Returns null once the drive is mounted, else why it is not.</summary>
    private static async Task<string?> WaitUntilMountedAsync(
        RcloneProcess rclone,
        NotifySocket ready,
        DrivePlace place,
        TimeSpan mountTimeout,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(mountTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            while (!MountTable.IsMounted(place.MountPoint))
            {
                var announced = ready.WaitAsync(either.Token);
                if (await Task.WhenAny(announced, rclone.Ended) != announced)
                {
                    return $"rclone ended with {await rclone.Ended}: {rclone.LastLines}";
                }

                await announced;
            }

            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{place.Provider} was not mounted after {mountTimeout.TotalSeconds:0.#} s: {rclone.LastLines}";
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
        await FuseUnmount.DetachAsync(place.MountPoint, timeProvider, CancellationToken.None);
        if (RcloneCache.CountUnsaved(place.Cache) == 0)
        {
            Directory.Delete(place.Cache, recursive: true);
        }
    }

    /// <summary>Reports an rclone that ends by itself, and unmounts the dead mount, on which every access is an error.</summary>
    private async Task WatchAsync()
    {
        var exitCode = await _rclone.Ended;
        if (_ending)
        {
            return;
        }

        LogRcloneEnded(_place.MandelboxId, _place.Provider, exitCode);
        try
        {
            await FuseUnmount.DetachAsync(_place.MountPoint, _timeProvider, CancellationToken.None);
        }
        catch (IOException exception)
        {
            LogNotUnmounted(_place.MandelboxId, _place.Provider, exception);
        }
    }

    /// <summary>It names the user's files.</summary>
    [LoggerMessage(
        LogLevel.Warning,
        "{MandelboxId}: rclone's output for {Provider}: {Line}",
        EventName = LogEvents.UserData + nameof(LogRcloneOutput))]
    private static partial void LogRcloneOutput(ILogger logger, string mandelboxId, string provider, string line);

    [LoggerMessage(LogLevel.Error, "{MandelboxId}: {Provider} was lost: rclone ended by itself with {ExitCode}")]
    private partial void LogRcloneEnded(string mandelboxId, string provider, int exitCode);

    [LoggerMessage(LogLevel.Error, "{MandelboxId}: {Provider} is lost and could not be unmounted")]
    private partial void LogNotUnmounted(string mandelboxId, string provider, Exception exception);
}
