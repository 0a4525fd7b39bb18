using System.Text;

namespace HostService.Infrastructure.Files;

/// <summary>The real file system.</summary>
public sealed class MandelboxFiles(TimeProvider timeProvider) : IMandelboxFiles
{
    private const UnixFileMode ForAll = (UnixFileMode)0b111_111_111;
    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public void MakeDirectory(string path)
    {
        Directory.CreateDirectory(path);

        // The umask takes away what the users inside need.
        File.SetUnixFileMode(path, ForAll);
    }

    // Not durable: after a crash of the machine the mandelbox is gone, and an fsync would cost every spin-up milliseconds.
    public Task WriteAsync(string directory, string name, string content, CancellationToken cancellationToken) =>
        AtomicFile.WriteAsync(Path.Combine(directory, name), Encoding.ASCII.GetBytes(content), Readable, durable: false, cancellationToken);

    public async Task<bool> WaitForAsync(string directory, string name, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var path = Path.Combine(directory, name);
        var seen = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(directory, name);
        watcher.Created += (_, _) => seen.TrySetResult(true);
        watcher.Renamed += (_, _) => seen.TrySetResult(true);
        watcher.Error += (_, exception) =>
            seen.TrySetException(new IOException($"watching {directory} failed: {exception.GetException().Message}", exception.GetException()));
        watcher.EnableRaisingEvents = true;
        if (File.Exists(path))
        {
            return true;
        }

        using var late = new CancellationTokenSource(deadline, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await seen.Task.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return File.Exists(path);
        }
    }

    public void Remove(string path) => RecursiveDelete.Remove(path);
}
