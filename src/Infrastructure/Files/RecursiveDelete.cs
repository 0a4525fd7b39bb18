using System.ComponentModel;
using System.Diagnostics;
using HostService.Infrastructure.Linux.Mounts;

namespace HostService.Infrastructure.Files;

/// <summary>
/// A directory with all that is in it, where programs that are not trusted could make what they liked: names that are no text, trees deeper than any path can say, and
/// links put in a directory's place while it is being removed. The base library's own removal goes by path and name and fails at the first two for ever, and follows the third.
/// </summary>
internal static class RecursiveDelete
{
    /// <summary>Removes it, and nothing outside; what is mounted below it is detached first. An absent one is no error.</summary>
    /// <exception cref="IOException">Something of it is still there, and why.</exception>
    public static void Remove(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }

        MountPoints.DetachBelow(path);

        // rm goes from open directory to open directory, by the names' bytes.
        var start = new ProcessStartInfo("rm", ["-rf", "--one-file-system", "--", path]) { UseShellExecute = false, RedirectStandardError = true };
        try
        {
            using var rm = Process.Start(start) ?? throw new IOException("rm did not start.");
            var words = rm.StandardError.ReadToEnd();
            rm.WaitForExit();
            if (rm.ExitCode != 0)
            {
                throw new IOException($"{path} could not be removed: {Shortened(words.Trim())}");
            }
        }
        catch (Win32Exception e)
        {
            throw new IOException($"{path} cannot be removed, because rm cannot be run: {e.Message}", e);
        }
    }

    private static string Shortened(string words) => words.Length > 500 ? words[..500] + "…" : words;
}
