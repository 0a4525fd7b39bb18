namespace HostService.Grains.Lifecycle;

/// <summary>When each step of a life began, how long it took, and why it failed. Not thread-safe.</summary>
public sealed class StepTimeline(TimeProvider timeProvider)
{
    /// <summary>
    /// An undo may be tried again for days: then steps in the middle are forgotten, and the beginning and the last ones stay.
    /// </summary>
    public const int Longest = 200;

    /// <summary>Steps of a spin-up and an end without retries.</summary>
    private const int Usual = 36;

    private readonly List<TimelineStep> _steps = new(Usual);

    /// <summary>In the order in which they began. The list itself, which grows.</summary>
    public IReadOnlyList<TimelineStep> Steps => _steps;

    /// <summary>Returns the timestamp for <see cref="End"/>.</summary>
    public long Begin(string name, bool undo)
    {
        if (_steps.Count == Longest)
        {
            _steps.RemoveAt(Longest / 2);
        }

        _steps.Add(new TimelineStep(name, undo, timeProvider.GetUtcNow()));
        return timeProvider.GetTimestamp();
    }

    public void End(string name, bool undo, long began, string? failure)
    {
        for (var i = _steps.Count - 1; i >= 0; i--)
        {
            if (_steps[i] is { Milliseconds: null } step && step.Undo == undo && step.Name == name)
            {
                var took = (float)Math.Round(timeProvider.GetElapsedTime(began).TotalMilliseconds, 1);
                _steps[i] = step with { Milliseconds = took, Failure = failure };
                return;
            }
        }
    }
}
