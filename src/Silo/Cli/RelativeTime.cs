using System.Globalization;

namespace HostService.Silo.Cli;

/// <summary>Times in tables.</summary>
public static class RelativeTime
{
    /// <summary>How long something has lasted: <c>5s</c>, <c>3m</c>, <c>2h</c>, <c>4d</c>.</summary>
    public static string Lasting(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => "0s",
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalSeconds}s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}m"),
        { TotalDays: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalDays}d"),
    };

    /// <summary>How long ago something was: <c>3m ago</c>.</summary>
    public static string Ago(DateTimeOffset at, DateTimeOffset now) => $"{Lasting(now - at)} ago";
}
