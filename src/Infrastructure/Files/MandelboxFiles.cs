using System.Text;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Files;

/// <summary>On the real file system.</summary>
public sealed class MandelboxFiles(TimeProvider timeProvider) : IMandelboxFiles
{
    private const UnixFileMode Everything = (UnixFileMode)0b111_111_111;
    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public void MakeDirectory(string path)
    {
        Directory.CreateDirectory(path);

        // The umask removes permissions that the users inside need.
        File.SetUnixFileMode(path, Everything);
    }

    public void MoveDirectory(string from, string to) => DirectoryCalls.Move(from, to);

    public Task WriteAsync(string directory, string name, string content, CancellationToken cancellationToken)
    {
        AtomicFile.Write(Path.Combine(directory, name), Encoding.ASCII.GetBytes(content), Readable);
        return Task.CompletedTask;
    }

    public Task<bool> WaitForAsync(string directory, string name, TimeSpan timeout, CancellationToken cancellationToken) =>
        DirectoryWatch.WaitAsync(directory, () => File.Exists(Path.Combine(directory, name)), timeout, timeProvider, cancellationToken);

    public void KeepLogs(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }

        // A directory with an entry is not removed.
        foreach (var directory in Directory.GetDirectories(path))
        {
            DirectoryCalls.TryRemoveDirectory(directory);
        }

        if (!DirectoryCalls.TryRemoveDirectory(path))
        {
            Directory.SetLastWriteTimeUtc(path, timeProvider.GetUtcNow().UtcDateTime);
        }
    }

    public IReadOnlyList<FileTail> ReadTails(string directory, int lines) => FileTails.Read(directory, lines);

    public Task RemoveAsync(string path, CancellationToken cancellationToken) => RecursiveDelete.RemoveAsync(path, cancellationToken);
}
