namespace HostService.Grains.Host;

/// <summary>
/// Mandelboxes for which room is kept until they ask for a lease, for <see cref="HostReservations.Lasting"/> at most. It only counts them:
/// nobody holds a TTY, a port or a slot yet. What has expired is dropped when it is looked at. Not thread-safe: used on the turns of
/// <see cref="HostGrain"/>.
/// </summary>
public sealed class Reservations(TimeProvider timeProvider)
{
    /// <summary>Since when each one lasts: a timestamp, which does not change when the clock is set.</summary>
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    public int Count
    {
        get
        {
            DropExpired();
            return _since.Count;
        }
    }

    /// <summary>In which time the next one expires; null where there is none.</summary>
    public TimeSpan? NextExpiry => Count == 0 ? null : _since.Values.Min(LeftOf);

    /// <summary>Begins one, or lets it last from now on.</summary>
    public void Keep(string mandelboxId) => _since[mandelboxId] = timeProvider.GetTimestamp();

    /// <summary>Ends one. Does nothing where there is none.</summary>
    public void Remove(string mandelboxId) => _since.Remove(mandelboxId);

    public bool Has(string mandelboxId)
    {
        DropExpired();
        return _since.ContainsKey(mandelboxId);
    }

    /// <summary>How many there are for other mandelboxes than this one.</summary>
    public int CountOthers(string mandelboxId) => Count - (Has(mandelboxId) ? 1 : 0);

    private void DropExpired()
    {
        foreach (var expired in _since.Where(pair => LeftOf(pair.Value) <= TimeSpan.Zero).Select(pair => pair.Key).ToList())
        {
            _since.Remove(expired);
        }
    }

    private TimeSpan LeftOf(long since) => HostReservations.Lasting - timeProvider.GetElapsedTime(since);
}
