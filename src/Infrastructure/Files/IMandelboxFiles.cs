namespace HostService.Infrastructure.Files;

/// <summary>The small files and directories that a mandelbox shares with the host (B15, B16).</summary>
public interface IMandelboxFiles
{
    /// <summary>Creates a directory that every user inside the mandelbox can write.</summary>
    void MakeDirectory(string path);

    /// <summary>
    /// Moves a directory, which stays the same for a container that has it bound. An empty one at the other path is replaced.
    /// </summary>
    /// <exception cref="IOException">It is not there, or there is a directory with entries at the other path.</exception>
    void MoveDirectory(string from, string to);

    /// <summary>Writes one mapping; a reader never sees an incomplete one.</summary>
    Task WriteAsync(string directory, string name, string content, CancellationToken cancellationToken);

    /// <summary>Waits until a file exists, and does not miss one that existed before. False at the timeout.</summary>
    /// <exception cref="IOException">The directory cannot be watched.</exception>
    Task<bool> WaitForAsync(string directory, string name, TimeSpan timeout, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the logs of a mandelbox that has ended. They age from now on: the time of this directory, which no mandelbox can write to,
    /// says since when. Directories without an entry are removed.
    /// </summary>
    void KeepLogs(string path);

    /// <summary>
    /// The last lines of the files in a directory that others can write to: at most 256 KiB of each of 20 files, by name. Links, pipes and
    /// directories are left out. None where the directory is absent.
    /// </summary>
    IReadOnlyList<FileTail> ReadTails(string directory, int lines);

    /// <summary>Removes a directory with its content, but nothing on a file system mounted there. An absent one is no error.</summary>
    Task RemoveAsync(string path, CancellationToken cancellationToken);
}

/// <summary>The end of a file.</summary>
/// <param name="Name">As text, with <c>?</c> for what a terminal might take for a command.</param>
public sealed record FileTail(string Name, byte[] Content);
