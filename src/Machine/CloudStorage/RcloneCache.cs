using System.Text.Json;

namespace HostService.Machine.CloudStorage;

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

    /// <summary>A file of metadata that cannot be read counts as unsaved: better one too many is kept.</summary>
    private static bool IsDirty(string path)
    {
        try
        {
            using var item = JsonDocument.Parse(File.ReadAllBytes(path));
            return item.RootElement.TryGetProperty("Dirty", out var dirty) && dirty.ValueKind == JsonValueKind.True;
        }
        catch (JsonException)
        {
            return true;
        }
    }
}
