using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Linux.Processes;

namespace HostService.Infrastructure.Files;

/// <summary>
/// Removes directories in which untrusted programs could create anything: names that are not valid text, trees deeper than the longest
/// path, links put in a directory's place during the removal. The base library works by path, so it fails on the first two and follows the
/// third.
/// </summary>
internal static class RecursiveDelete
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Removes the directory and nothing outside of it; what is mounted below it is detached first. An absent one is no error. Blocks until
    /// done: not for a grain's turn.
    /// </summary>
    /// <exception cref="IOException">Something is left; the message says why.</exception>
    public static void Remove(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }

        MountPoints.DetachBelow(path);

        // rm goes from open directory to open directory and handles names as bytes. Task.Run: a caller's scheduler must not have to run the
        // continuation.
        string[] arguments = ["-rf", "--one-file-system", "--", path];
        Task.Run(() => ProgramRunner.RunAsync("rm", arguments, "", Timeout, TimeProvider.System, CancellationToken.None))
            .GetAwaiter().GetResult();
    }
}
