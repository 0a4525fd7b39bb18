using System.Text;
using HostService.Infrastructure.Linux.Libc;
using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Linux.Processes;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Files;

/// <summary>
/// Removes directories in which untrusted programs could create anything: names that are not valid text, trees deeper than the longest
/// path, links put in a directory's place during the removal. The base library works by path, so it fails on the first two and follows the
/// third.
/// </summary>
internal static class RecursiveDelete
{
    /// <summary>Each level holds an open directory and a buffer on the stack; deeper trees are left to rm.</summary>
    private const int MaxDepth = 32;

    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    /// <summary>Removes the directory and nothing outside of it; detaches mounts below it first. An absent one is no error.</summary>
    /// <exception cref="IOException">Something is left; the message says why.</exception>
    public static Task RemoveAsync(string path, CancellationToken cancellationToken) => Task.Run(
        async () =>
        {
            // Starting rm costs milliseconds, and an ordinary mandelbox needs none.
            if (TryRemove(path, cancellationToken) || !Directory.Exists(path))
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

    /// <summary>
    /// Removes an ordinary directory, without a program. False where anything is out of the ordinary, the path itself included: too deep,
    /// a mount, a refusal, an entry that came or changed meanwhile. Some of it may be gone then.
    /// </summary>
    internal static bool TryRemove(string path, CancellationToken cancellationToken)
    {
        using var parent = DirectoryCalls.TryOpenDirectory(Path.GetDirectoryName(path)!);
        return parent is not null
            && TryRemoveBeneath(parent, [.. Encoding.UTF8.GetBytes(Path.GetFileName(path)), 0], depth: 0, cancellationToken);
    }

    private static bool TryEmpty(SafeFileHandle directory, int depth, CancellationToken cancellationToken)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var entries = DirectoryCalls.ReadEntries(directory, buffer);
            if (!entries.Success || entries.IsAtEnd)
            {
                return entries.Success;
            }

            while (entries.TryTake(out var name, out var isDirectory))
            {
                var isGone = isDirectory
                    ? TryRemoveBeneath(directory, name, depth, cancellationToken)
                    : DirectoryCalls.TryUnlink(directory, name);
                if (!isGone)
                {
                    return false;
                }
            }
        }
    }

    private static bool TryRemoveBeneath(
        SafeFileHandle directory, ReadOnlySpan<byte> name, int depth, CancellationToken cancellationToken)
    {
        using var below = depth < MaxDepth ? DirectoryCalls.TryOpenDirectoryBeneath(directory, name) : null;
        return below is not null && TryEmpty(below, depth + 1, cancellationToken) && DirectoryCalls.TryRemoveDirectory(directory, name);
    }
}
