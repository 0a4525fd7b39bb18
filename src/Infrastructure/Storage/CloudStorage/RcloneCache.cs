using System.Text.Json;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>What rclone keeps on disk of a drive, above all files that have not been uploaded yet.</summary>
internal static class RcloneCache
{
    private static readonly TimeSpan SavedInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>How many files have not been uploaded. An rclone that starts on the same cache uploads them.</summary>
    public static int CountUnsaved(string cache)
    {
        var metadata = Path.Combine(cache, "vfsMeta");
        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None };
        return Directory.Exists(metadata) ? Directory.EnumerateFiles(metadata, "*", all).Count(IsDirty) : 0;
    }

    /// <summary>Deletes the cache of a drive that is unmounted.</summary>
    /// <exception cref="IOException">Something was not uploaded, and the cache stays.</exception>
    public static void DeleteIfSaved(string cache, string provider)
    {
        if (CountUnsaved(cache) is > 0 and var unsaved)
        {
            throw new IOException(
                $"{unsaved} files written to {provider} were not uploaded; they are kept in {cache}, also when the service ends");
        }

        if (Directory.Exists(cache))
        {
            Directory.Delete(cache, recursive: true);
        }
    }

    /// <summary>
    /// Waits until everything has been uploaded, which does not happen while a file is open for writing. Looks again and again: a watch of
    /// all directories could be refused, because root inside a mandelbox can use up the watches of this user.
    /// </summary>
    public static async Task WaitUntilSavedAsync(string cache, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        while (CountUnsaved(cache) > 0)
        {
            await Task.Delay(SavedInterval, timeProvider, cancellationToken);
        }
    }

    /// <summary>One that cannot be read counts as unsaved. One that is gone belongs to a file that rclone has finished with.</summary>
    internal static bool IsDirty(string path)
    {
        try
        {
            using var item = JsonDocument.Parse(File.ReadAllBytes(path));
            return item.RootElement.TryGetProperty("Dirty", out var dirty) && dirty.ValueKind == JsonValueKind.True;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
