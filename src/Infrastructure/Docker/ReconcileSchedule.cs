namespace HostService.Infrastructure.Docker;

/// <summary>When to reconcile again after a failed event or reconciliation: soon, and with longer delays while it keeps failing.</summary>
internal sealed class ReconcileSchedule(TimeSpan minimum, TimeSpan maximum, TimeProvider timeProvider)
{
    private readonly TimeSpan _minimum = minimum;
    private TimeSpan _delay = minimum;
    private long? _neededSince;

    /// <summary>Zero when one is due; null when none is needed.</summary>
    public TimeSpan? DueIn => _neededSince is not { } since
        ? null
        : timeProvider.GetElapsedTime(since) is var waited && waited < _delay ? _delay - waited : TimeSpan.Zero;

    /// <summary>An event may be lost: a reconciliation is needed.</summary>
    public void Request() => _neededSince ??= timeProvider.GetTimestamp();

    public void Completed(bool succeeded)
    {
        _delay = succeeded || _neededSince is null ? _minimum : Backoff.Next(_delay, maximum);
        _neededSince = succeeded ? null : timeProvider.GetTimestamp();
    }
}
