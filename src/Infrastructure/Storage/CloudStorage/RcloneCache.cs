using System.Text.Json;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>What rclone keeps on disk of a drive, above all files that have not been uploaded yet.</summary>
internal static class RcloneCache
{
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

    /// <summary>Waits until everything has been uploaded, which does not happen while a file is open for writing.</summary>
    public static async Task WaitUntilSavedAsync(string cache, CancellationToken cancellationToken)
    {
        using var changed = new SemaphoreSlim(0);
        using var watcher = new FileSystemWatcher(cache) { IncludeSubdirectories = true };
        watcher.Changed += OnChange;
        watcher.Created += OnChange;
        watcher.Deleted += OnChange;
        watcher.Renamed += OnChange;
        watcher.Error += (_, _) => changed.Release();
        watcher.EnableRaisingEvents = true;
        while (CountUnsaved(cache) > 0)
        {
            await changed.WaitAsync(cancellationToken);
        }

        // No event may come after the semaphore is disposed.
        watcher.EnableRaisingEvents = false;

        void OnChange(object sender, FileSystemEventArgs change) => changed.Release();
    }

    /// <summary>
    /// A metadata file that cannot be read counts as unsaved: better one cache too many is kept. One that is gone belongs to a file that
    /// rclone has finished with.
    /// </summary>
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
