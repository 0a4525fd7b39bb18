namespace HostService.Grains.Host;

/// <summary>Section <c>Queue</c>: spin-ups that wait when nothing is free.</summary>
public sealed class QueueOptions : IValidatedOptions
{
    public const string Section = "Queue";

    /// <summary>How many spin-ups may wait; 0: a spin-up for which nothing is free is refused at once.</summary>
    public int Capacity { get; set; }

    /// <summary>
    /// How long one waits before it is refused. Its caller waits as long, and for the spin-up after it: together with
    /// <c>Mandelbox:StepTimeout</c> it must not be longer than <c>Mandelbox:SpinUpTimeout</c>.
    /// </summary>
    public TimeSpan Timeout { get; set; }

    public IEnumerable<string> Validate() => ValidatedOptions.Faults(
        (Capacity is >= 0 and <= 1000, $"Queue:Capacity is {Capacity}; it must be from 0 (no queue) to 1000."),
        (Timeout >= TimeSpan.Zero, $"Queue:Timeout is {Timeout}; it must not be negative."),
        (Capacity > 0 == Timeout > TimeSpan.Zero,
            $"Queue:Capacity is {Capacity} and Queue:Timeout is {Timeout}; set both, for example 20 and 00:00:15, or none."));
}
