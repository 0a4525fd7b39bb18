using System.Globalization;

namespace HostService.Infrastructure.Metrics;

/// <summary>Parses files of /proc. Every function takes a file's text and returns null for what is missing or malformed.</summary>
internal static class ProcFiles
{
    /// <summary>A line of <c>meminfo</c>, for example <c>MemFree:  123 kB</c>, in KB.</summary>
    public static long? MemoryKb(string meminfo, string name)
    {
        var line = Lines(meminfo).FirstOrDefault(l => l.StartsWith($"{name}:", StringComparison.Ordinal));
        return line is not null && Fields(line) is [_, var figure, "kB"] ? Count(figure) : null;
    }

    /// <summary>The first line of <c>stat</c>.</summary>
    public static CpuTimes? Cpu(string stat)
    {
        // user nice system idle iowait irq softirq steal; the guest times after these are part of user. Old kernels have fewer.
        if (Lines(stat).FirstOrDefault() is not { } line || Fields(line) is not ["cpu", .. var fields] || fields.Length < 4)
        {
            return null;
        }

        var times = fields.Take(8).Select(Count).ToList();
        return times.Contains(null) ? null : new CpuTimes(times.Sum()!.Value, times[3]!.Value + (times.Count > 4 ? times[4]!.Value : 0));
    }

    /// <summary>The number of online processors in <c>stat</c>.</summary>
    public static int? LogicalCpus(string stat)
    {
        var count = Lines(stat).Count(l => l.StartsWith("cpu", StringComparison.Ordinal) && l.Length > 3 && char.IsAsciiDigit(l[3]));
        return count > 0 ? count : null;
    }

    /// <summary>The number at a position in a line of numbers: <c>loadavg</c>, <c>uptime</c>.</summary>
    public static double? Number(string text, int position) =>
        Fields(text) is var fields && fields.Length > position
        && double.TryParse(fields[position], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
        && double.IsFinite(number) ? number : null;

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string[] Fields(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static long? Count(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
}

/// <summary>Time of all processors since boot, in ticks.</summary>
/// <param name="Idle">Included in the total; contains the time spent waiting for the disk.</param>
internal sealed record CpuTimes(long Total, long Idle)
{
    /// <summary>The busy share since <paramref name="earlier"/>, 0..1; null when no time has passed.</summary>
    public double? BusySince(CpuTimes earlier)
    {
        var total = Total - earlier.Total;

        // The kernel's iowait can decrease a little.
        return total > 0 ? Math.Clamp(1 - ((Idle - earlier.Idle) / (double)total), 0, 1) : null;
    }
}
