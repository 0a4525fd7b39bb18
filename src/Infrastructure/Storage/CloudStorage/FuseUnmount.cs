using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Lazy unmounting with <c>fusermount3</c>, which works without root, and for a mount whose program has died.</summary>
internal static class FuseUnmount
{
    private static readonly TimeSpan SettleTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan UnmountTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Waits until the drive's program has received all requests, or for 10 s. The kernel reports the closing of a file without waiting for
    /// an answer, and unmounting discards what it has not reported: then the upload would never begin. Requests are received in order, so
    /// the answer to one more proves that the earlier ones are known.
    /// </summary>
    public static async Task SettleAsync(string path, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        // statfs is never answered from a cache. Its result does not matter. It may outlive the timeout on a slow drive: unmounting ends
        // it.
        var answered = Task.Run(() => new DriveInfo(path).AvailableFreeSpace, CancellationToken.None)
            .ContinueWith(static answer => answer.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Task.WhenAny(answered, Task.Delay(SettleTimeout, timeProvider, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Detaches the mount, if there is one; open files stay usable until they are closed.</summary>
    /// <exception cref="IOException">It is still mounted, and why.</exception>
    public static async Task DetachAsync(string path, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (!MountTable.IsMounted(path))
        {
            return;
        }

        try
        {
            await ProgramRunner.RunAsync("fusermount3", ["-uz", "--", path], "", UnmountTimeout, timeProvider, cancellationToken);
        }
        catch (IOException) when (!MountTable.IsMounted(path))
        {
            // Somebody else has unmounted it meanwhile.
        }
    }
}
