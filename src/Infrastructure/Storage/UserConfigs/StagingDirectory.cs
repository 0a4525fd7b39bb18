using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.UserConfigs.Archive;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>
/// Where an archive is unpacked before any of it is seen: beside its target, so that moving is renaming. Only its owner can enter it. The
/// target itself stays the directory that it is, because a container has it mounted already.
/// </summary>
internal sealed class StagingDirectory : IDisposable
{
    private readonly string _path;

    private StagingDirectory(string path)
    {
        _path = path;
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path);
        Directory.CreateDirectory(Replaced);
    }

    /// <summary>Empty at first.</summary>
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
    /// Moves everything into the target; what is there under the same name is replaced. The target belongs to a container that runs: nothing
    /// in it is looked into. What is replaced is moved out of it, links and all, and removed here, where nobody can put a link in its way.
    /// </summary>
    public void MoveInto(string target)
    {
        Directory.CreateDirectory(target);
        foreach (var entry in new DirectoryInfo(Path).EnumerateFileSystemInfos())
        {
            var destination = System.IO.Path.Combine(target, entry.Name);
            PosixFiles.MoveIfThere(destination, System.IO.Path.Combine(Replaced, entry.Name));
            PosixFiles.Move(entry.FullName, destination);
        }
    }

    public void Dispose() => RecursiveDelete.Remove(_path);
}
