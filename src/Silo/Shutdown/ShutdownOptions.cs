namespace HostService.Silo.Shutdown;

/// <summary>Section <c>Shutdown</c>: how long the way out may take. All of it together must be shorter than the unit's <c>TimeoutStopSec</c>.</summary>
public sealed class ShutdownOptions
{
    /// <summary>In deployed environments: how long spin-ups that were assigned before still come in (B30).</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long all mandelboxes together have to end, the saving of configs included.</summary>
    public TimeSpan MandelboxDeadline { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>How long any other step has.</summary>
    public TimeSpan StepDeadline { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Every fault of these settings; empty when there is none.</summary>
    public IEnumerable<string> Faults()
    {
        if (Grace < TimeSpan.Zero)
        {
            yield return $"Shutdown:Grace is {Grace}; it must not be negative.";
        }

        if (MandelboxDeadline <= TimeSpan.Zero)
        {
            yield return $"Shutdown:MandelboxDeadline is {MandelboxDeadline}; it must be longer than zero.";
        }

        if (StepDeadline <= TimeSpan.Zero)
        {
            yield return $"Shutdown:StepDeadline is {StepDeadline}; it must be longer than zero.";
        }
    }
}
