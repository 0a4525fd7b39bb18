namespace HostService.Infrastructure.Linux.Systemd;

/// <summary>
/// Whether the service deserves its next watchdog ping: only while every sign of progress has advanced within its limit. Safe from any thread.
/// </summary>
public sealed class WatchdogPolicy(TimeProvider timeProvider)
{
    private readonly Lock _gate = new();
    private readonly List<ProgressSign> _signs = [];

    /// <summary>A new sign, fresh from now on.</summary>
    /// <param name="name">What makes progress, as it stands in the reason: <c>grain calls</c>, <c>the event stream</c>.</param>
    /// <param name="limit">How long it may stand still.</param>
    public ProgressSign Register(string name, TimeSpan limit)
    {
        var sign = new ProgressSign(name, limit, timeProvider);
        lock (_gate)
        {
            _signs.Add(sign);
        }

        return sign;
    }

    /// <summary>Null when all is well; otherwise which signs stand still and for how long, in one line.</summary>
    public string? Stalled()
    {
        lock (_gate)
        {
            var still = _signs.Where(s => s.Age > s.Limit).Select(s => $"{s.Name}: no progress for {s.Age.TotalSeconds:0} s (limit {s.Limit.TotalSeconds:0.#} s)");
            var reason = string.Join("; ", still);
            return reason.Length == 0 ? null : reason;
        }
    }
}

/// <summary>One kind of progress, told by whoever makes it.</summary>
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
