namespace HostService.Infrastructure.Docker;

/// <summary>When to compare with the list of containers again after something about an event or a comparison failed: soon, and later from failure to failure.</summary>
internal sealed class ReconcileSchedule(TimeSpan soonest, TimeSpan latest, TimeProvider timeProvider)
{
    private readonly TimeSpan _soonest = soonest;
    private TimeSpan _pause = soonest;
    private long? _neededSince;

    /// <summary>Zero when it is due; null when none is needed.</summary>
    public TimeSpan? DueIn => _neededSince is not { } since
        ? null
        : timeProvider.GetElapsedTime(since) is var waited && waited < _pause ? _pause - waited : TimeSpan.Zero;

    /// <summary>What an event said may be lost: one is needed, unless it is already.</summary>
    public void Need() => _neededSince ??= timeProvider.GetTimestamp();

    /// <summary>A comparison has been made.</summary>
    /// <param name="whole">Whether nothing of it failed.</param>
    public void Compared(bool whole)
    {
        _pause = whole || _neededSince is null ? _soonest : _pause * 2 < latest ? _pause * 2 : latest;
        _neededSince = whole ? null : timeProvider.GetTimestamp();
    }
}
