using System.Globalization;

namespace HostService.GrainInterfaces;

/// <summary>Times as people say them.</summary>
public static class Durations
{
    /// <summary>
    /// In the two largest units: <c>340 ms</c>, <c>1.2 s</c>, <c>42 s</c>, <c>2 min 5 s</c>, <c>3 h 10 min</c>, <c>2 d 4 h</c>.
    /// </summary>
    /// <param name="time">Zero or more; a clock that was set back is no time at all.</param>
    public static string InWords(TimeSpan time) => time switch
    {
        { Ticks: <= 0 } => "0 ms",
        { TotalMilliseconds: < 999.5 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms"),
        { TotalSeconds: < 9.95 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalSeconds: < 60 } => $"{(int)time.TotalSeconds} s",
        { TotalHours: < 1 } => Two(time.Minutes, "min", time.Seconds, "s"),
        { TotalDays: < 1 } => Two(time.Hours, "h", time.Minutes, "min"),
        _ => Two(time.Days, "d", time.Hours, "h"),
    };

    private static string Two(int large, string unit, int small, string part) =>
        small == 0 ? $"{large} {unit}" : $"{large} {unit} {small} {part}";
}
