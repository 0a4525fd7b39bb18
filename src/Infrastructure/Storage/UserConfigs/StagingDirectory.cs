using HostService.Infrastructure.Files;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// An archive is unpacked here and moved into its target when it is complete. Lies beside the target, so that moving is renaming. Only its
/// owner can enter it. The target stays the same directory, because a container has it mounted already.
/// </summary>
internal sealed class StagingDirectory : IAsyncDisposable
{
    private readonly string _path;

    private StagingDirectory(string path)
    {
        _path = path;
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path);
        Directory.CreateDirectory(Replaced);
    }

    /// <summary>Where to unpack.</summary>
    public string Path => System.IO.Path.Combine(_path, "new");

    private string Replaced => System.IO.Path.Combine(_path, "old");

    public static StagingDirectory Beside(string target)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(target));
        return new StagingDirectory(System.IO.Path.Combine(
            System.IO.Path.GetDirectoryName(full) ?? throw new ArgumentException($"{target} has no parent directory.", nameof(target)),
            $".{System.IO.Path.GetFileName(full)}.{Guid.NewGuid():N}"));
    }

    /// <summary>
    /// Moves everything into the target and replaces entries of the same name. A running container can write to the target, so nothing in
    /// it is followed or removed in place: replaced entries are moved here first, where the container cannot put a link in the way.
    /// </summary>
    public void MoveInto(string target)
    {
        Directory.CreateDirectory(target);
        foreach (var entry in new DirectoryInfo(Path).EnumerateFileSystemInfos())
        {
            var destination = System.IO.Path.Combine(target, entry.Name);
            DirectoryCalls.MoveIfThere(destination, System.IO.Path.Combine(Replaced, entry.Name));
            DirectoryCalls.Move(entry.FullName, destination);
        }
    }

    public ValueTask DisposeAsync() => new(RecursiveDelete.RemoveAsync(_path, CancellationToken.None));
}
