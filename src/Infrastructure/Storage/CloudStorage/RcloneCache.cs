using System.Text.Json;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>What rclone keeps on disk of a drive: above all, files that have not been uploaded yet.</summary>
internal static class RcloneCache
{
    /// <summary>
    /// How many files a rclone that has ended left without uploading them. It would do so when started on the same cache again.
    /// </summary>
    public static int CountUnsaved(string cache)
    {
        var metadata = Path.Combine(cache, "vfsMeta");
        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None };
        return Directory.Exists(metadata) ? Directory.EnumerateFiles(metadata, "*", all).Count(IsDirty) : 0;
    }

    /// <summary>Waits until everything has been uploaded, which is never while somebody has a file open for writing.</summary>
    /// <exception cref="OperationCanceledException">It has not.</exception>
    public static async Task WaitUntilSavedAsync(string cache, CancellationToken cancellationToken)
    {
        using var changed = new SemaphoreSlim(0);
        using var watcher = new FileSystemWatcher(cache) { IncludeSubdirectories = true };
        watcher.Changed += Look;
        watcher.Created += Look;
        watcher.Deleted += Look;
        watcher.Renamed += Look;
        watcher.Error += (_, _) => changed.Release();
        watcher.EnableRaisingEvents = true;
        while (CountUnsaved(cache) > 0)
            await changed.WaitAsync(cancellationToken);

        // Deaf before the semaphore goes.
        watcher.EnableRaisingEvents = false;

        void Look(object sender, FileSystemEventArgs change) => changed.Release();
    }

    /// <summary>
    /// A file of metadata that cannot be read counts as unsaved: better one too many is kept. One that has gone since it was listed is of a
    /// file that rclone has done with.
    /// </summary>
    internal static bool IsDirty(string path)
    {
        try
        {
            using var item = JsonDocument.Parse(File.ReadAllBytes(path));
            return item.RootElement.TryGetProperty("Dirty", out var dirty) && dirty.ValueKind == JsonValueKind.True;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
