namespace HostService.Infrastructure.Files;

/// <summary>The small files and directories through which a mandelbox is told what it was given (B15, B16).</summary>
public interface IMandelboxFiles
{
    /// <summary>Makes a directory that programs of any user inside the mandelbox may use.</summary>
    void MakeDirectory(string path);

    /// <summary>Writes one mapping; it is whole the moment it can be seen.</summary>
    Task WriteAsync(string directory, string name, string content, CancellationToken cancellationToken);

    /// <summary>Waits until a file is there, or is false at the deadline. Subscribes, then looks: a file that was there before is not missed.</summary>
    Task<bool> WaitForAsync(string directory, string name, TimeSpan deadline, CancellationToken cancellationToken);

    /// <summary>Removes a directory with all that is in it, but never reaches into something mounted there. An absent one is no error.</summary>
    void Remove(string path);
}
