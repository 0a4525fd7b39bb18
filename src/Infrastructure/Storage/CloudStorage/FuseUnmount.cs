using System.ComponentModel;
using System.Diagnostics;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Lazy unmounting with <c>fusermount3</c>, which works without root and for a mount whose program has died.</summary>
internal static class FuseUnmount
{
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Waits until the drive's program has taken in all that was asked of it. The kernel tells it of a file's closing without waiting for an
    /// answer, and forgets what it has not told when the drive is unmounted: the upload that begins with the closing would never begin. Requests
    /// are taken in order, so that the answer to one more proves that those before it are known.
    /// </summary>
    /// <returns>False when there was no answer within the limit.</returns>
    public static async Task SettleAsync(string path, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        // statfs is never answered from a cache. Whether it succeeds does not matter, nor that it may take as long as a slow drive takes: what
        // came before it was taken in long since, so it is left alone after the limit, and unmounting ends it.
        var answered = Task.Run(() => new DriveInfo(path).AvailableFreeSpace, CancellationToken.None)
            .ContinueWith(static answer => answer.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Task.WhenAny(answered, Task.Delay(SettleLimit, timeProvider, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// The path no longer leads to the mount when this returns; who has a file open keeps it until closing. Nothing where nothing is
    /// mounted.
    /// </summary>
    /// <exception cref="IOException">It is still mounted, and why.</exception>
    public static async Task DetachAsync(string path, CancellationToken cancellationToken)
    {
        if (!MountTable.IsMounted(path))
            return;

        var start = new ProcessStartInfo("fusermount3", ["-uz", "--", path]) { UseShellExecute = false, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start) ?? throw new IOException("fusermount3 did not start.");
            var words = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0 && MountTable.IsMounted(path))
                throw new IOException($"fusermount3 could not unmount {path}: {words.Trim()}");
        }
        catch (Win32Exception e)
        {
            throw new IOException($"{path} cannot be unmounted, because fusermount3 cannot be run: {e.Message}", e);
        }
    }
}
