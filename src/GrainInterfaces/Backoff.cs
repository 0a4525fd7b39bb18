namespace HostService.GrainInterfaces;

/// <summary>The pause between tries of what keeps failing.</summary>
public static class Backoff
{
    /// <summary>Twice the last pause, at most <paramref name="longest"/>.</summary>
    public static TimeSpan Next(TimeSpan pause, TimeSpan longest) => pause * 2 < longest ? pause * 2 : longest;
}
