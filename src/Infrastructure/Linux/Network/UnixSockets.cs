namespace HostService.Infrastructure.Linux.Network;

/// <summary>The unix sockets of <c>/proc/net/unix</c>.</summary>
public static class UnixSockets
{
    /// <summary>In the fourth column: <c>__SO_ACCEPTCON</c> of the kernel, set while somebody listens.</summary>
    private const string Listening = "00010000";

    /// <summary>The paths below a directory on which a program listens.</summary>
    public static IReadOnlyList<string> ListeningBelow(string directory) =>
        Parse(File.ReadLines("/proc/net/unix"), Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));

    internal static IReadOnlyList<string> Parse(IEnumerable<string> lines, string directory) =>
    [
        .. lines
            // Num RefCount Protocol Flags Type St Inode Path
            .Select(line => line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length == 8 && fields[3] == Listening)
            .Select(fields => fields[7])
            .Where(path => path.StartsWith(directory + '/', StringComparison.Ordinal)),
    ];
}
