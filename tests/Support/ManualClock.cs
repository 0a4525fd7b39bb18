using Microsoft.Extensions.Time.Testing;

namespace HostService.Tests.Support;

/// <summary>
/// A <see cref="FakeTimeProvider"/> that a test can wait on: the test waits until the code under test has set a timer, then moves time on.
/// Timers fire in order, each at its own time, on the thread that moves time.
/// </summary>
public sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly FakeTimeProvider _time = new(start);
    private readonly List<ManualTimer> _pending = [];
    private readonly List<ManualTimer> _due = [];
    private readonly List<(Func<TimeSpan, bool> DueIn, TaskCompletionSource Seen)> _watchers = [];
    private TimeSpan _correction;

    public ManualClock()
        : this(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    /// <summary>The number of timers that are set.</summary>
    public int PendingTimers
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    public override long TimestampFrequency => _time.TimestampFrequency;

    public override long GetTimestamp() => _time.GetTimestamp();

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _time.GetUtcNow() + _correction;
        }
    }

    /// <summary>Changes the time of day, as an administrator does; timers and timestamps stay as they are.</summary>
    public void Set(TimeSpan by)
    {
        lock (_gate)
        {
            _correction += by;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Completes once a timer is set that is due after such a time from now.</summary>
    public Task TimerSetAsync(Func<TimeSpan, bool> dueIn)
    {
        lock (_gate)
        {
            if (_pending.Exists(t => dueIn(t.Due - _time.GetUtcNow())))
            {
                return Task.CompletedTask;
            }

            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((dueIn, seen));
            return seen.Task;
        }
    }

    /// <inheritdoc cref="TimerSetAsync(Func{TimeSpan, bool})"/>
    public Task TimerSetAsync(TimeSpan dueIn) => TimerSetAsync(d => d == dueIn);

    /// <summary>Moves time on and fires every timer that becomes due, including timers that are set meanwhile.</summary>
    public void Advance(TimeSpan by)
    {
        DateTimeOffset end;
        lock (_gate)
        {
            end = _time.GetUtcNow() + by;
        }

        while (NextDue(end) is { } timer)
        {
            timer.Fire();
        }
    }

    /// <summary>Moves time on to the next timer, and fires it; false when none is set.</summary>
    public bool AdvanceToNextTimer()
    {
        lock (_gate)
        {
            if (_pending.Count == 0 && _due.Count == 0)
            {
                return false;
            }
        }

        NextDue(DateTimeOffset.MaxValue)?.Fire();
        return true;
    }

    /// <summary>Moves time on to the next timer that is due, at most to the end.</summary>
    private ManualTimer? NextDue(DateTimeOffset end)
    {
        lock (_gate)
        {
            if (_due.Count == 0)
            {
                var next = _pending.Select(t => t.Due).Append(end).Min();
                _time.Advance(next > _time.GetUtcNow() ? next - _time.GetUtcNow() : TimeSpan.Zero);
            }

            var timer = _due.FirstOrDefault();
            if (timer is not null)
            {
                _due.Remove(timer);
            }

            return timer;
        }
    }

    private void NotifyWatchers(TimeSpan dueIn)
    {
        foreach (var watcher in _watchers.Where(w => w.DueIn(dueIn)).ToList())
        {
            _watchers.Remove(watcher);
            watcher.Seen.SetResult();
        }
    }

    /// <summary>The inner timer only marks this one as due; <see cref="Advance"/> calls back, outside the lock.</summary>
    private sealed class ManualTimer : ITimer
    {
        private readonly ManualClock _clock;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly ITimer _inner;
        private TimeSpan _period;

        public ManualTimer(ManualClock clock, TimerCallback callback, object? state)
        {
            (_clock, _callback, _state) = (clock, callback, state);
            _inner = clock._time.CreateTimer(_ => MarkDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public DateTimeOffset Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_clock._gate)
            {
                Forget();
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = _clock._time.GetUtcNow() + dueTime;
                    _clock._pending.Add(this);
                    _clock.NotifyWatchers(dueTime);
                }

                return _inner.Change(dueTime, period);
            }
        }

        public void Fire() => _callback(_state);

        public void Dispose()
        {
            lock (_clock._gate)
            {
                Forget();
                _inner.Dispose();
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        // Called by Change or by NextDue, so always with the lock held.
        private void MarkDue()
        {
            _clock._due.Add(this);
            if (_period > TimeSpan.Zero)
            {
                Due += _period;
            }
            else
            {
                _clock._pending.Remove(this);
            }
        }

        private void Forget()
        {
            _clock._pending.Remove(this);
            _clock._due.Remove(this);
        }
    }
}
