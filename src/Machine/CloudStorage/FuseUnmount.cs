using System.ComponentModel;
using System.Diagnostics;

namespace HostService.Machine.CloudStorage;

/// <summary>Lazy unmounting with <c>fusermount3</c>, which works without root and for a mount whose program has died.</summary>
internal static class FuseUnmount
{
    /// <summary>The path no longer leads to the mount when this returns; who has a file open keeps it until closing. Nothing where nothing is mounted.</summary>
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
