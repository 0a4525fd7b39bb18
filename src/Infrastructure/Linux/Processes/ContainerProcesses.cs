using System.Collections.Concurrent;

namespace HostService.Infrastructure.Linux.Processes;

/// <summary>
/// The first processes of containers, as the kernel has them: an engine may say that a container runs whose process is dead. Only a process
/// that was seen before is ever called ended: the engine may number processes differently, in a virtual machine for example. Safe from any
/// thread.
/// </summary>
/// <param name="root">Where <c>proc</c> is mounted.</param>
public sealed class ContainerProcesses(string root = "/proc")
{
    private readonly ConcurrentDictionary<string, long> _seen = new(StringComparer.Ordinal);

    public bool IsKnown(string containerId) => _seen.ContainsKey(containerId);

    /// <summary>Takes the process that the engine names, if it is alive and of this container.</summary>
    public void See(string containerId, long pid)
    {
        if (IsAlive(containerId, pid))
        {
            _seen[containerId] = pid;
        }
    }

    /// <summary>Whether the process was seen, and is dead now. A number that another process has by now counts as dead.</summary>
    public bool HasEnded(string containerId) => _seen.TryGetValue(containerId, out var pid) && !IsAlive(containerId, pid);

    /// <summary>Forgets all containers but these.</summary>
    public void Keep(IReadOnlySet<string> containerIds)
    {
        foreach (var gone in _seen.Keys.Where(id => !containerIds.Contains(id)))
        {
            _seen.TryRemove(gone, out _);
        }
    }

    private bool IsAlive(string containerId, long pid)
    {
        try
        {
            var directory = Path.Combine(root, $"{pid}");

            // The engine names a container's cgroup after the container.
            return File.ReadAllText(Path.Combine(directory, "cgroup")).Contains(containerId, StringComparison.Ordinal)
                && !IsZombie(File.ReadAllText(Path.Combine(directory, "stat")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // There is no such process (any more); also when it ends between opening and reading.
            return false;
        }
    }

    /// <summary>Dead, and not waited for by its parent yet. One whose other threads go on is not dead.</summary>
    /// <param name="stat">See <c>proc_pid_stat(5)</c>: the state is the third field, the number of threads the twentieth.</param>
    private static bool IsZombie(string stat)
    {
        // The second field is a name in parentheses, which may hold anything.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields is ["Z" or "X", ..] && fields.Length > 17 && fields[17] is "0" or "1";
    }
}
