namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>
/// Decides whether to notify the watchdog: only while every part has made progress within its limit. Safe from any thread.
/// </summary>
public sealed class WatchdogPolicy(TimeProvider timeProvider)
{
    private readonly Lock _gate = new();
    private readonly List<ProgressSign> _signs = [];

    /// <summary>A part that must make progress from now on.</summary>
    /// <param name="name">For the reason: <c>grain calls</c>, <c>the event stream</c>.</param>
    /// <param name="limit">The longest time without progress.</param>
    public ProgressSign Register(string name, TimeSpan limit)
    {
        var sign = new ProgressSign(name, limit, timeProvider);
        lock (_gate)
        {
            _signs.Add(sign);
        }

        return sign;
    }

    /// <summary>Null while all make progress; otherwise which do not, and for how long, in one line.</summary>
    public string? Stalled()
    {
        lock (_gate)
        {
            var stalled = _signs.Where(s => s.Age > s.Limit).ToList();
            return stalled.Count == 0
                ? null
                : string.Join("; ", stalled.Select(s =>
                    $"{s.Name}: no progress for {s.Age.TotalSeconds:0} s (limit {s.Limit.TotalSeconds:0.#} s)"));
        }
    }
}

/// <summary>The progress of one part, reported by the part itself.</summary>
public sealed class ProgressSign
{
    private readonly TimeProvider _timeProvider;
    private long _last;

    internal ProgressSign(string name, TimeSpan limit, TimeProvider timeProvider)
    {
        Name = name;
        Limit = limit;
        _timeProvider = timeProvider;
        _last = timeProvider.GetTimestamp();
    }

    public string Name { get; }

    public TimeSpan Limit { get; }

    /// <summary>Time since the last progress.</summary>
    public TimeSpan Age => _timeProvider.GetElapsedTime(Interlocked.Read(ref _last));

    /// <summary>Progress was made just now.</summary>
    public void Advance() => Interlocked.Exchange(ref _last, _timeProvider.GetTimestamp());
}
