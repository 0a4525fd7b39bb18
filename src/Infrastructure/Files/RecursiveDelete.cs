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

    /// <summary>Removes the directory and nothing outside of it; detaches mounts below it first. An absent one is no error.</summary>
    /// <exception cref="IOException">Something is left; the message says why.</exception>
    public static Task RemoveAsync(string path, CancellationToken cancellationToken) => Task.Run(
        async () =>
        {
            if (!Directory.Exists(path))
            {
                return;
            }

            MountPoints.DetachBelow(path);

            // rm goes from open directory to open directory and handles names as bytes.
            string[] arguments = ["-rf", "--one-file-system", "--", path];
            await ProgramRunner.RunAsync("rm", arguments, "", Timeout, TimeProvider.System, cancellationToken);
        },
        cancellationToken);

    /// <summary>As <see cref="RemoveAsync"/>, for one caller at a time: it blocks its thread, and a second one of the pool works.</summary>
    public static void Remove(string path) => RemoveAsync(path, CancellationToken.None).GetAwaiter().GetResult();
}
