namespace HostService.Grains.Mandelbox;

/// <summary>
/// Section <c>Mandelbox</c>: timeouts of one mandelbox. They nest: a step ends before the spin-up, the spin-up before the grain call, the
/// grain call before the gateway's answer.
/// </summary>
public sealed class MandelboxOptions : IValidatedOptions
{
    /// <summary>The longest that one step may take. The first container on a fresh host takes over a minute (B5).</summary>
    public TimeSpan StepTimeout { get; set; } = TimeSpan.FromSeconds(85);

    /// <summary>The longest that a spin-up may take before it is undone.</summary>
    public TimeSpan SpinUpTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>
    /// The longest that the undo of one step may take, such as uploading a drive's files or saving user configs. Both have timeouts of
    /// their own, which must be shorter.
    /// </summary>
    public TimeSpan CleanUpTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>How long the answer to a failed spin-up waits for the undo, which goes on after the answer.</summary>
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the answer to a stop waits for the undo, which goes on after the answer.</summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(130);

    /// <summary>ECS mode: how long input devices are kept for a container that has not started.</summary>
    public TimeSpan AdoptionTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// ECS mode: how long the agent has to remove a container that has ended. Its own default
    /// (<c>ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION</c>) is the same.
    /// </summary>
    public TimeSpan AgentCleanUpTimeout { get; set; } = TimeSpan.FromHours(3);

    /// <summary>How long a container that is stopped has between TERM and KILL.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the app inside may take to come up, in deployed environments (B1).</summary>
    public TimeSpan AppTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the mandelbox waits for its client, in deployed environments; passed on in whole seconds (B1, B15).</summary>
    public TimeSpan ClientTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>First pause before a failed undo is retried, doubled up to <see cref="RetryAtMost"/>.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest pause between retries.</summary>
    public TimeSpan RetryAtMost { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>All faults of these settings, each with the remedy.</summary>
    public IEnumerable<string> Validate()
    {
        var all = new (string Name, TimeSpan Value)[]
        {
            (nameof(StepTimeout), StepTimeout), (nameof(SpinUpTimeout), SpinUpTimeout), (nameof(CleanUpTimeout), CleanUpTimeout),
            (nameof(AnswerTimeout), AnswerTimeout), (nameof(StopTimeout), StopTimeout), (nameof(AdoptionTimeout), AdoptionTimeout),
            (nameof(AgentCleanUpTimeout), AgentCleanUpTimeout),
            (nameof(AppTimeout), AppTimeout), (nameof(ClientTimeout), ClientTimeout), (nameof(RetryAfter), RetryAfter),
            (nameof(RetryAtMost), RetryAtMost),
        };
        foreach (var (name, value) in all.Where(d => d.Value <= TimeSpan.Zero))
        {
            yield return $"Mandelbox:{name} is {value}; it must be longer than zero, for example 00:00:30.";
        }

        if (StopGrace < TimeSpan.Zero)
        {
            yield return $"Mandelbox:StopGrace is {StopGrace}; it must not be negative.";
        }

        if (StepTimeout > SpinUpTimeout)
        {
            yield return $"Mandelbox:StepTimeout ({StepTimeout}) is longer than Mandelbox:SpinUpTimeout ({SpinUpTimeout}); "
                + "a step must end before the spin-up it is part of.";
        }

        if (SpinUpTimeout + AnswerTimeout >= GrainCallTimeouts.MandelboxCall)
        {
            yield return $"Mandelbox:SpinUpTimeout and Mandelbox:AnswerTimeout are {SpinUpTimeout + AnswerTimeout} together; "
                + $"they must be shorter than a grain call ({GrainCallTimeouts.MandelboxCall}).";
        }

        if (StopTimeout >= GrainCallTimeouts.MandelboxCall)
        {
            yield return $"Mandelbox:StopTimeout is {StopTimeout}; "
                + $"it must be shorter than a grain call ({GrainCallTimeouts.MandelboxCall}).";
        }
    }
}
