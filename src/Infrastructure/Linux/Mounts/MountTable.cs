using System.Text.RegularExpressions;

namespace HostService.Infrastructure.Linux.Mounts;

/// <summary>The mounts of <c>/proc/self/mountinfo</c>.</summary>
internal static partial class MountTable
{
    public static IReadOnlyList<Mount> Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    public static IReadOnlyList<Mount> Parse(IEnumerable<string> lines) => [.. lines.Select(Parse)];

    public static bool IsMounted(string path) => Read().Any(mount => mount.Path == path);

    public static Mount Of(string path) => Read()
        .Where(mount => path == mount.Path || path.StartsWith(mount.Path.TrimEnd('/') + '/', StringComparison.Ordinal))
        .OrderBy(mount => mount.Path.Length)
        .Last();

    public static IReadOnlyList<string> Below(string path) =>
        [.. Read().Select(mount => mount.Path).Where(mounted => mounted.StartsWith(path + '/', StringComparison.Ordinal))];

    private static Mount Parse(string line)
    {
        // id parent major:minor root PATH options [optional fields…] - TYPE source options
        var fields = line.Split(' ');
        var separator = Array.IndexOf(fields, "-", 6);
        return new Mount(
            OctalEscape().Replace(fields[4], static match => ((char)Convert.ToInt32(match.Groups["octal"].Value, 8)).ToString()),
            fields[separator + 2],
            fields[6..separator].Any(field => field.StartsWith("shared:", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"\\(?<octal>[0-7]{3})", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OctalEscape();
}

/// <param name="Shared">Whether mounts made below it appear in its copies too, for example a container's.</param>
internal sealed record Mount(string Path, string Source, bool Shared);
