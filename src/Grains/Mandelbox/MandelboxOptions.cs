using HostService.GrainInterfaces;

namespace HostService.Grains.Mandelbox;

/// <summary>Section <c>Mandelbox</c>: deadlines of one mandelbox's life. They nest: a step ends before the spin-up, the spin-up before the grain call, the call before the gateway's answer.</summary>
public sealed class MandelboxOptions : IValidatedOptions
{
    /// <summary>The longest that one step may take. The first container on a fresh host takes over a minute (B5).</summary>
    public TimeSpan StepTimeout { get; set; } = TimeSpan.FromSeconds(85);

    /// <summary>The longest that a spin-up may take before it is undone.</summary>
    public TimeSpan SpinUpTimeout { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>
    /// The longest that one step of giving back may take, such as uploading what was written to a drive or saving a user's configs; both have time limits of
    /// their own, which must be shorter.
    /// </summary>
    public TimeSpan CleanUpTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>How long the answer to a failed spin-up waits for everything to be given back; giving back goes on after it.</summary>
    public TimeSpan AnswerWithin { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the answer to a stop waits for everything to be given back; giving back goes on after it.</summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(130);

    /// <summary>ECS mode: how long input devices wait for the container that they were made for.</summary>
    public TimeSpan AdoptionTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a container has between TERM and KILL when it is ended by us.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the app inside may take to come up, in deployed environments (B1).</summary>
    public TimeSpan AppTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the mandelbox waits for its client in deployed environments; it is told in whole seconds (B1, B15).</summary>
    public TimeSpan ClientTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>First pause before giving back is tried again, doubled up to <see cref="RetryAtMost"/>.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest pause between tries.</summary>
    public TimeSpan RetryAtMost { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Every fault of these settings, each with what to do; empty when there is none.</summary>
    public IEnumerable<string> Validate()
    {
        var all = new (string Name, TimeSpan Value)[]
        {
            (nameof(StepTimeout), StepTimeout), (nameof(SpinUpTimeout), SpinUpTimeout), (nameof(CleanUpTimeout), CleanUpTimeout),
            (nameof(AnswerWithin), AnswerWithin), (nameof(StopTimeout), StopTimeout), (nameof(AdoptionTimeout), AdoptionTimeout),
            (nameof(AppTimeout), AppTimeout), (nameof(ClientTimeout), ClientTimeout), (nameof(RetryAfter), RetryAfter), (nameof(RetryAtMost), RetryAtMost),
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
            yield return $"Mandelbox:StepTimeout ({StepTimeout}) is longer than Mandelbox:SpinUpTimeout ({SpinUpTimeout}); a step must end before the spin-up it is part of.";
        }

        if (SpinUpTimeout + AnswerWithin >= GrainCallTimeouts.MandelboxCall)
        {
            yield return $"Mandelbox:SpinUpTimeout and Mandelbox:AnswerWithin are {SpinUpTimeout + AnswerWithin} together; they must be shorter than a grain call ({GrainCallTimeouts.MandelboxCall}).";
        }

        if (StopTimeout >= GrainCallTimeouts.MandelboxCall)
        {
            yield return $"Mandelbox:StopWithin is {StopTimeout}; it must be shorter than a grain call ({GrainCallTimeouts.MandelboxCall}).";
        }
    }
}
