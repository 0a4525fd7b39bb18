namespace HostService.Machine.UserConfigs;

/// <summary>
/// Where an archive is unpacked before any of it is seen: beside its target, so that moving is renaming. Only its owner can enter it. The
/// target itself stays the directory that it is, because a container has it mounted already.
/// </summary>
internal sealed class StagingDirectory : IDisposable
{
    private StagingDirectory(string path) => Path = path;

    public string Path { get; }

    public static StagingDirectory Beside(string target)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(target));
        var path = System.IO.Path.Combine(
            System.IO.Path.GetDirectoryName(full) ?? throw new ArgumentException($"{target} has no parent directory.", nameof(target)),
            $".{System.IO.Path.GetFileName(full)}.{Guid.NewGuid():N}");
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new StagingDirectory(path);
    }

    /// <summary>Moves everything into the target; what is there under the same name is replaced.</summary>
    public void MoveInto(string target)
    {
        Directory.CreateDirectory(target);
        foreach (var entry in new DirectoryInfo(Path).EnumerateFileSystemInfos())
        {
            var destination = System.IO.Path.Combine(target, entry.Name);
            var there = new DirectoryInfo(destination);
            if (there.Exists && there.LinkTarget is null)
                there.Delete(recursive: true);
            else
                File.Delete(destination);

            if (entry is DirectoryInfo { LinkTarget: null })
                Directory.Move(entry.FullName, destination);
            else
                File.Move(entry.FullName, destination);
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
