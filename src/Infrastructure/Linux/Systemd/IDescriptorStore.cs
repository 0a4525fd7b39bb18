using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>
/// systemd's store of open files, which the next run gets if it follows by a restart (or <c>FileDescriptorStorePreserve=</c> is set).
/// Without systemd nothing is kept.
/// </summary>
public interface IDescriptorStore
{
    /// <summary><c>FDSTORE=1</c>: systemd keeps a copy.</summary>
    /// <param name="name">At most 255 characters, no colon.</param>
    void Store(string name, SafeFileHandle file);

    /// <summary>A file that the last run stored, once; the caller closes it. Null where there is none.</summary>
    SafeFileHandle? Take(string name);

    /// <summary><c>FDSTOREREMOVE=1</c>: systemd closes its copy.</summary>
    void Remove(string name);

    /// <summary>Closes the files of the last run that nobody has taken, and systemd's copies of them.</summary>
    void RemoveUntaken();
}
