namespace HostService.Silo.Lifecycle;

/// <summary>
/// Section <c>Shutdown</c>: how long the steps of the shutdown may take. The sum over all steps must be shorter than
/// <see cref="UnitTimeout"/>.
/// </summary>
public sealed class ShutdownOptions : IValidatedOptions
{
    /// <summary>In deployed environments: how long spin-ups that were assigned before still come in (B30).</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a drain waits for users to leave before it ends their mandelboxes (B30), counted from its request; none: until they have
    /// left.
    /// </summary>
    public TimeSpan? DrainTimeout { get; set; }

    /// <summary>
    /// The unit's <c>TimeoutStopSec</c>: how long after TERM systemd kills the service. A drain that TERM began ends early enough for the
    /// rest of the shutdown.
    /// </summary>
    public TimeSpan UnitTimeout { get; set; } = TimeSpan.FromMinutes(70);

    /// <summary>
    /// How long all mandelboxes together have to end: drives are flushed, then configs saved. A save that is not finished then is given up
    /// and the archive that was stored before stays; so this may be shorter than what one mandelbox may take, where ending soon matters
    /// more.
    /// </summary>
    public TimeSpan MandelboxTimeout { get; set; } = TimeSpan.FromSeconds(270);

    /// <summary>How long any other step has.</summary>
    public TimeSpan StepTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long drains may last in this environment: TERM is a drain in deployed ones only (B30).</summary>
    public DrainTimeouts DrainTimeouts(HostEnvironment environment) =>
        new(DrainTimeout, environment.IsDeployed ? UnitTimeout - HostLifecycle.LongestShutdown(this) : null);

    /// <summary>Every fault of these settings; empty when there is none.</summary>
    public IEnumerable<string> Validate()
    {
        if (Grace < TimeSpan.Zero)
        {
            yield return $"Shutdown:Grace is {Grace}; it must not be negative.";
        }

        if (MandelboxTimeout <= TimeSpan.Zero)
        {
            yield return $"Shutdown:MandelboxTimeout is {MandelboxTimeout}; it must be longer than zero.";
        }

        if (StepTimeout <= TimeSpan.Zero)
        {
            yield return $"Shutdown:StepTimeout is {StepTimeout}; it must be longer than zero.";
        }

        if (DrainTimeout < TimeSpan.Zero)
        {
            yield return $"Shutdown:DrainTimeout is {DrainTimeout}; it must not be negative. Leave it out for no limit.";
        }

        if (HostLifecycle.LongestShutdown(this) is var longest && UnitTimeout <= longest)
        {
            yield return $"Shutdown:UnitTimeout is {UnitTimeout}; it must be longer than all steps of the shutdown together ({longest}), "
                + "and so must the unit's TimeoutStopSec.";
        }
    }
}
