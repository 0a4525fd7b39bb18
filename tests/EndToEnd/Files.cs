namespace HostService.Tests.EndToEnd;

internal static class Files
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Ends once the file is there; the directory must be. Looks after it has subscribed, so that it misses nothing.</summary>
    public static async Task<string> AppearsAsync(string directory, string name)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(directory, name);
        watcher.Created += (_, _) => seen.TrySetResult();
        watcher.Renamed += (_, _) => seen.TrySetResult();
        watcher.EnableRaisingEvents = true;
        var path = Path.Combine(directory, name);
        if (!File.Exists(path))
        {
            await seen.Task.WaitAsync(WaitTimeout);
        }

        return await File.ReadAllTextAsync(path);
    }
}
